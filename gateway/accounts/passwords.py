"""Password hashes: argon2id, off the event loop, a few at once.

One hash costs 64 MiB and about 0.1 s of a core: unlimited at once, sign-ins would be a way to stop the calls.
"""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

AT_ONCE: Final = 2


class Passwords:
    """Hashes and verifies. The same work is done whether or not there is a hash to compare with."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _sayable(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password. None, or what is no hash of ours: no, after the same time."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, password_hash, _sayable(password))

    def is_weak(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str | None, password: str) -> bool:
        if self._decoy is None:
            self._decoy = self._hasher.hash("nobody's password")
        if password_hash is not None:
            try:
                return self._hasher.verify(password_hash, password)
            except VerifyMismatchError:
                return False
            except (InvalidHashError, VerificationError):
                pass  # no hash, or a damaged one: compared with nothing
        try:
            self._hasher.verify(self._decoy, password)
        except VerificationError:
            return False
        return False


def _sayable(password: str) -> str:
    return password.encode("utf-8", "replace").decode("utf-8")  # half surrogates: wrong, not a crash
