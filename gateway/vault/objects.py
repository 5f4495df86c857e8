"""The store of sealed files: a folder or an S3 bucket behind the same calls (obstore). It sees ciphertext only.

A sealed file is kept as *parts*, one object each, `<prefix>/<recording id>/<file name>/<number>`: an upload that was
cut goes on with the first part that is missing, and no half-finished multipart upload is ever left to be paid for.
Keys are made of ids this gateway gave and names it chose. Knows nothing of encryption.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from gateway.base.errors import BadInput, PortFailure, SetupError
from gateway.base.ids import looks_like_id
from gateway.config import RecordingStoreSettings

if TYPE_CHECKING:
    from obstore.store import S3Config

PART_BYTES: Final = 16 * 1024 * 1024
"""Small enough to be sent again, large enough that an hour of video is a few dozen objects."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\.[a-z0-9]{1,8}")
_CALL_S: Final = 120.0  # one part; a store that answers slower is away


class Objects:
    """Every method may raise PortFailure `store_unavailable`: nothing is known then, try again."""

    def __init__(self, store: LocalStore | S3Store, *, prefix: str, folder: Path | None, name: str) -> None:
        self._store = store
        self._prefix = prefix
        self._folder = folder
        self.name = name  # for receipts and messages: the address without secrets

    def _key(self, recording_id: str, file: str, part: int) -> str:
        if not looks_like_id(recording_id, "rc") or not _NAME.fullmatch(file):
            raise BadInput("recording_id", "This is no recording's id.")
        return f"{self._prefix}{recording_id}/{file}/{part:06d}"

    async def has_part(self, recording_id: str, file: str, part: int, data: bytes) -> bool:
        """Whether exactly these bytes are stored there: by length and MD5 where the store says one, else read back."""
        key = self._key(recording_id, file, part)
        try:
            async with asyncio.timeout(_CALL_S):
                found = await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        except (BaseError, TimeoutError, OSError) as error:
            raise _away(error) from error
        if found["size"] != len(data):
            return False
        tag = (found["e_tag"] or "").strip('"')
        if self._folder is None and tag == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return True
        return await self.read(recording_id, file, part * PART_BYTES, len(data)) == data

    async def put_part(self, recording_id: str, file: str, part: int, data: bytes) -> None:
        """Store it, and return when it is certain that it is there."""
        key = self._key(recording_id, file, part)
        try:
            async with asyncio.timeout(_CALL_S):
                await obstore.put_async(self._store, key, data, use_multipart=False)
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder / key)
        except (BaseError, TimeoutError, OSError) as error:
            raise _away(error) from error
        if not await self.has_part(recording_id, file, part, data):
            raise PortFailure("store_unavailable", "What the store gave back is not what it was given.")

    async def read(self, recording_id: str, file: str, start: int, length: int) -> bytes:
        """Bytes of the sealed file, over the borders of parts. NotFound never: a missing part is PortFailure."""
        found = bytearray()
        end = start + length
        while start < end:
            part, offset = divmod(start, PART_BYTES)
            count = min(end - start, PART_BYTES - offset)
            try:
                async with asyncio.timeout(_CALL_S):
                    data = await obstore.get_range_async(
                        self._store, self._key(recording_id, file, part), start=offset, length=count
                    )
            except (BaseError, TimeoutError, OSError) as error:
                raise _away(error) from error
            if len(data) != count:
                raise PortFailure("store_incomplete", "A part of the recording is missing or cut.")
            found += data
            start += count
        return bytes(found)

    async def list(self, recording_id: str) -> AsyncIterator[str]:
        """Keys of everything that is stored of a recording."""
        if not looks_like_id(recording_id, "rc"):
            raise BadInput("recording_id", "This is no recording's id.")
        try:
            async for batch in obstore.list(self._store, prefix=f"{self._prefix}{recording_id}"):
                for entry in batch:
                    yield entry["path"]
        except (BaseError, OSError) as error:
            raise _away(error) from error

    async def delete(self, recording_id: str) -> int:
        """Remove everything of a recording. Returns how many objects; none is no error."""
        keys = [key async for key in self.list(recording_id)]
        try:
            async with asyncio.timeout(_CALL_S):
                if keys:
                    await obstore.delete_async(self._store, keys)
        except FileNotFoundError:
            pass
        except (BaseError, TimeoutError, OSError) as error:
            raise _away(error) from error
        if self._folder is not None:
            await asyncio.to_thread(_remove_empty, self._folder / f"{self._prefix}{recording_id}")
        return len(keys)


def open_objects(settings: RecordingStoreSettings, data_dir: Path) -> Objects:
    """The store of the settings. SetupError `store_bad_url`, `store_unusable`."""
    url = settings.url
    if not url.startswith("s3://"):
        folder = Path(url) if url else data_dir / "vault"
        if "://" in url:
            raise SetupError("store_bad_url", "recording.store.url is a folder or s3://bucket/prefix.")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Objects(LocalStore(folder), prefix="", folder=folder, name=str(folder))
        except (BaseError, OSError) as error:
            raise SetupError("store_unusable", f"The folder {folder} can't be used for recordings.") from error
    parts = urlsplit(url)
    if not parts.netloc or parts.username or parts.password or parts.query:
        raise SetupError("store_bad_url", "Write recording.store.url as s3://bucket/prefix, without credentials.")
    prefix = parts.path.strip("/")
    try:
        store = S3Store(
            parts.netloc,
            config=_s3_config(settings),
            client_options={"allow_http": settings.endpoint.startswith("http://"), "timeout": f"{int(_CALL_S)}s"},
            retry_config={"max_retries": 2},
        )
    except (BaseError, ValueError) as error:
        raise SetupError("store_unusable", "recording.store: check bucket, region and endpoint.") from error
    return Objects(store, prefix=f"{prefix}/" if prefix else "", folder=None, name=f"s3://{parts.netloc}/{prefix}")


def _s3_config(settings: RecordingStoreSettings) -> "S3Config":
    """Without keys here, obstore takes them from the environment or the machine's role."""
    given = {
        "region": settings.region,
        "endpoint": settings.endpoint,
        "access_key_id": settings.access_key.get_secret_value(),
        "secret_access_key": settings.secret_key.get_secret_value(),
    }
    return cast("S3Config", {name: value for name, value in given.items() if value})


def _away(error: Exception) -> PortFailure:
    """Without the library's words: they may hold an address with a signature."""
    return PortFailure("store_unavailable", f"The store of recordings does not answer ({type(error).__name__}).")


def _sync(path: Path) -> None:
    for target in (path, path.parent):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_empty(folder: Path) -> None:
    """Best effort: an empty folder says nothing of a recording but its id."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return
