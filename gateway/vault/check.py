"""Is what is kept what was recorded? Every manifest, every link of the chain, every byte of every file.

It finds a flipped bit, a part that is missing, a file swapped for another, a manifest changed, taken out or put in,
and a signature of another installation. It repairs nothing.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.base.errors import GatewayError
from gateway.base.ids import RecordingId
from gateway.recordings.port import RecordingRecord, RecordingRecords
from gateway.recordings.states import RecordingState
from gateway.vault.content import open_sealed
from gateway.vault.keys import MasterKeys
from gateway.vault.manifest import faults_of
from gateway.vault.objects import Objects
from gateway.vault.port import ChainLink, SealedFile, VaultRecords
from gateway.vault.sealed import SealBroken

_PAGE: Final = 200
_READ_BYTES: Final = 4 * 1024 * 1024
_GONE: Final = frozenset({RecordingState.EXPIRED, RecordingState.ABORTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`state`: `good`, `erased`, `waiting` (not in the store yet) or `bad`; `faults` say in words what is wrong."""

    recording_id: RecordingId
    state: str
    faults: tuple[str, ...] = ()
    files: int = 0
    size_bytes: int = 0


class Checker:
    """Reads everything; PortFailure when the records or the store are away."""

    def __init__(
        self,
        *,
        records: VaultRecords,
        rows: RecordingRecords,
        objects: Objects,
        keys: MasterKeys,
        public: Ed25519PublicKey,
    ) -> None:
        self._records = records
        self._rows = rows
        self._objects = objects
        self._keys = keys
        self._public = public

    async def one(self, recording_id: RecordingId) -> Verdict | None:
        """A recording and its place in the chain. None: there is no such recording."""
        record = await self._rows.get(recording_id)
        if record is None:
            return None
        link = await self._records.link_of(recording_id)
        if link is None:
            return Verdict(recording_id=recording_id, state="erased" if record.state in _GONE else "waiting")
        before = None
        if link.seq > 1:
            found = await self._records.links(link.seq - 2, 1)
            before = found[0] if found else None
        return await self._judge(link, before, record)

    async def all(self) -> list[Verdict]:
        """Every link of the chain from the first, with its recording."""
        verdicts: list[Verdict] = []
        before: ChainLink | None = None
        while links := await self._records.links(before.seq if before else 0, _PAGE):
            for link in links:
                verdicts.append(await self._judge(link, before, await self._rows.get(link.recording_id)))
                before = link
        return verdicts

    async def _judge(self, link: ChainLink, before: ChainLink | None, record: RecordingRecord | None) -> Verdict:
        faults = faults_of(link, before, self._public)
        if record is None:
            faults.append("its row is missing")
        gone = record is not None and record.state in _GONE
        files: Sequence[SealedFile] = ()
        if not gone and not faults:
            files = _files_of(link)
            faults += await self._contents(link.recording_id, files)
        state = "bad" if faults else "erased" if gone else "good"
        return Verdict(
            recording_id=link.recording_id,
            state=state,
            faults=tuple(faults),
            files=len(files),
            size_bytes=sum(file.plain_bytes for file in files),
        )

    async def _contents(self, recording_id: RecordingId, files: Sequence[SealedFile]) -> list[str]:
        kept = await self._records.key(recording_id)
        if kept is None:
            return ["its key is missing, though it was not erased"]
        try:
            data_key = self._keys.unwrap(kept.wrapped, kept.master_key, recording_id)
        except GatewayError as error:
            return [f"its key can't be used: {error.detail}"]
        faults = []
        for file in files:
            try:
                await self._file(recording_id, file, data_key)
            except SealBroken as error:
                faults.append(f"{file.name}: {error}")
            except GatewayError as error:
                faults.append(f"{file.name}: {error.detail}")
        return faults

    async def _file(self, recording_id: RecordingId, file: SealedFile, data_key: bytes) -> None:
        """Raises SealBroken, PortFailure."""
        sealed = hashlib.sha256()
        for start in range(0, file.sealed_bytes, _READ_BYTES):
            length = min(_READ_BYTES, file.sealed_bytes - start)
            data = await self._objects.read(recording_id, file.name, start, length)
            await asyncio.to_thread(sealed.update, data)
        if sealed.hexdigest() != file.sealed_sha256:
            raise SealBroken("what is stored is not what was stored then")
        content = await open_sealed(
            lambda start, length: self._objects.read(recording_id, file.name, start, length),
            data_key=data_key,
            recording_id=recording_id,
            name=file.name,
            media_type=file.media_type,
            file_name=file.name,
            etag="",
        )
        plain = hashlib.sha256()
        async for part in content.read(0, content.size_bytes):
            plain.update(part)
        if plain.hexdigest() != file.plain_sha256:
            raise SealBroken("what it decrypts to is not what was recorded")


def _files_of(link: ChainLink) -> list[SealedFile]:
    """As the manifest says, which is signed; not as the rows say, which are not."""
    return [SealedFile(recording_id=link.recording_id, stored=True, **file) for file in json.loads(link.body)["files"]]
