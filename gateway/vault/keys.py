"""Master keys and what they wrap: every recording has a random data key, kept only in wrapped form, in the records.

A master key is 32 bytes with an id. Several may be known; the first wraps, all unwrap, so that keys can be rotated.
They come from a file (mode 0600) or from the environment, and are never printed. A data key whose row is deleted is
gone, and what it sealed with it: that is how a recording is erased.
"""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from gateway.base.errors import InvariantBroken, SetupError
from gateway.vault.sealed import KEY_BYTES

_NONCE_BYTES: Final = 12
_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class MasterKeys:
    """The keys of this installation, by id; the first is the one that wraps."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.current = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self._keys)})"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def wrap(self, data_key: bytes, recording_id: str) -> str:
        """The data key under the current master key, as text: base64 of nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self.current]).encrypt(nonce, data_key, recording_id.encode())
        return base64.b64encode(nonce + sealed).decode()

    def unwrap(self, wrapped: str, key_id: str, recording_id: str) -> bytes:
        """The data key. SetupError `master_key_missing` for a key not here; InvariantBroken for a broken row."""
        key = self._keys.get(key_id)
        if key is None:
            raise SetupError("master_key_missing", f"The master key {key_id} is needed and not among the keys here.")
        raw = base64.b64decode(wrapped)
        try:
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], recording_id.encode())
        except InvalidTag:
            raise InvariantBroken("data_key_broken", f"The key of {recording_id} can't be unwrapped.") from None


def new_data_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def parse_keys(text: str, where: str) -> MasterKeys:
    """`id base64` per line (or separated by commas). SetupError `master_key_bad` names the line, never the key."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.replace(",", "\n").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        fault = SetupError(
            "master_key_bad", f"{where}, line {number}: write an id and {KEY_BYTES} bytes as base64, once per id."
        )
        if len(words) != 2 or not _KEY_ID.fullmatch(words[0]) or words[0] in keys:
            raise fault
        try:
            key = base64.b64decode(words[1], validate=True)
        except binascii.Error:
            raise fault from None
        if len(key) != KEY_BYTES:
            raise fault
        keys[words[0]] = key
    if not keys:
        raise SetupError("master_key_none", f"{where} holds no key.")
    return MasterKeys(keys)


def load_master_keys(path: Path, inline: str) -> MasterKeys:
    """From `inline` when it is given, else from the file, which is made with a first key when it is missing.

    SetupError: `master_key_readable` (others may read the file), `master_key_unreadable`, or as `parse_keys`.
    """
    if inline:
        return parse_keys(inline, "recording.master_keys")
    first = f"k1 {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
    text = _private_text(path, "# Master keys of the recordings: without them no recording can be read.\n" + first)
    return parse_keys(text, str(path))


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """This installation's signature (Ed25519, RFC 8032), PEM (PKCS 8); made when missing. SetupError as above."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    try:
        key = load_pem_private_key(_private_text(path, made).encode(), None)
    except ValueError as error:
        raise SetupError("signing_key_bad", f"{path} holds no private key.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SetupError("signing_key_bad", f"{path} holds a key of another kind: Ed25519 is needed.")
    return key


def _private_text(path: Path, first: str) -> str:
    """What the file holds; `first` is written into it when it is not there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            pass
        else:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(first)
                file.flush()
                os.fsync(file.fileno())
        if path.stat().st_mode & 0o077:
            raise SetupError("key_file_readable", f"{path} may be read by others: chmod 600 {path}.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SetupError("key_file_unreadable", f"{path} can't be used: {reason}.") from error
