"""The sealed file: encrypted in chunks, so that any part can be read alone and no change goes unseen.

Owns the format, byte by byte (docs/developer/sealed-format.md); knows no key storage, no store and no recording.
AES-256-GCM (NIST SP 800-38D) with a key of its own per file, HKDF-SHA256 (RFC 5869) of the recording's data key with
the file's random id as salt: the chunk number alone is a nonce then, and no two files share one. Each chunk's AAD is
the header, its number, and whether it is the last: chunks that are cut off, added, swapped or taken from elsewhere do
not decrypt.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC: Final = b"VVSF"
VERSION: Final = 1
CHUNK_BITS: Final = 20
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
_HEADER: Final = struct.Struct(">4sBBHQ16s32s")
HEADER_BYTES: Final = _HEADER.size
_MIN_CHUNK_BITS: Final = 10
_MAX_CHUNK_BITS: Final = 24
_INFO: Final = b"visavis sealed file 1"


class SealBroken(Exception):
    """The file is not what was sealed: cut, changed, swapped, of another recording, or opened with another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first `HEADER_BYTES` of a sealed file."""

    plain_bytes: int
    file_id: bytes  # 16 random bytes
    belongs: bytes  # SHA-256 of `<recording id>/<file name>`
    chunk_bits: int = CHUNK_BITS

    @property
    def chunk_bytes(self) -> int:
        return 1 << self.chunk_bits

    @property
    def chunks(self) -> int:
        """At least one: an empty file is sealed too."""
        return max(1, -(-self.plain_bytes // self.chunk_bytes))

    @property
    def sealed_bytes(self) -> int:
        """Length of the whole sealed file."""
        return HEADER_BYTES + self.plain_bytes + self.chunks * TAG_BYTES

    def place_of(self, chunk: int) -> tuple[int, int]:
        """Offset and length of a chunk in the sealed file."""
        plain = min(self.chunk_bytes, self.plain_bytes - chunk * self.chunk_bytes)
        return HEADER_BYTES + chunk * (self.chunk_bytes + TAG_BYTES), plain + TAG_BYTES

    def pack(self) -> bytes:
        return _HEADER.pack(MAGIC, VERSION, self.chunk_bits, 0, self.plain_bytes, self.file_id, self.belongs)

    @classmethod
    def unpack(cls, data: bytes, *, belongs: bytes) -> "Header":
        """Raises SealBroken for anything but the header of that very file, in a version that is known."""
        if len(data) != HEADER_BYTES:
            raise SealBroken("the header is cut")
        magic, version, chunk_bits, reserved, plain_bytes, file_id, of = _HEADER.unpack(data)
        if magic != MAGIC or reserved != 0:
            raise SealBroken("this is no sealed file")
        if version != VERSION:
            raise SealBroken(f"version {version} of the format is not known here")
        if not _MIN_CHUNK_BITS <= chunk_bits <= _MAX_CHUNK_BITS or plain_bytes >= 1 << 50:
            raise SealBroken("the header is not possible")
        if of != belongs:
            raise SealBroken("this is a file of another recording or another name")
        return cls(plain_bytes=plain_bytes, file_id=file_id, belongs=of, chunk_bits=chunk_bits)


def belongs_to(recording_id: str, name: str) -> bytes:
    """What ties a sealed file to its recording and name."""
    return hashlib.sha256(f"{recording_id}/{name}".encode()).digest()


class Cipher:
    """One file's chunks, with the recording's data key of `KEY_BYTES`."""

    def __init__(self, data_key: bytes, header: Header) -> None:
        self._header = header
        self._packed = header.pack()
        key = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=header.file_id, info=_INFO).derive(data_key)
        self._gcm = AESGCM(key)

    def seal(self, chunk: int, plain: bytes) -> bytes:
        """The chunk as it is stored."""
        return self._gcm.encrypt(_nonce(chunk), plain, self._aad(chunk))

    def open(self, chunk: int, sealed: bytes) -> bytes:
        """The chunk as it was. Raises SealBroken."""
        try:
            return self._gcm.decrypt(_nonce(chunk), sealed, self._aad(chunk))
        except InvalidTag:
            raise SealBroken(f"chunk {chunk} is not what was sealed, or the key is another") from None

    def _aad(self, chunk: int) -> bytes:
        return self._packed + struct.pack(">QB", chunk, chunk == self._header.chunks - 1)


def _nonce(chunk: int) -> bytes:
    return struct.pack(">IQ", 0, chunk)


def sealing(source: BinaryIO, data_key: bytes, header: Header) -> Iterator[bytes]:
    """The sealed file, piece by piece: header, chunk after chunk. SealBroken when the source has another length."""
    cipher = Cipher(data_key, header)
    yield header.pack()
    for chunk in range(header.chunks):
        plain = source.read(header.chunk_bytes)
        if len(plain) + TAG_BYTES != header.place_of(chunk)[1]:
            raise SealBroken("the file changed while it was sealed")
        yield cipher.seal(chunk, plain)
    if source.read(1):
        raise SealBroken("the file grew while it was sealed")
