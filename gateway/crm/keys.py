"""How a customer is known again: keyed digests of what the site and the browser say. The values are not kept.

The digest is HMAC-SHA256 with a secret of the installation, so that a copy of the database does not tell whether a
given e-mail address is in it.
"""

import hmac
from typing import Final

from gateway.base.errors import SetupError
from gateway.contacts.effects import visitor_hash
from gateway.crm.port import CustomerKey, KeyKind
from gateway.parties import Entry, Identity

LEAST_SECRET_BYTES: Final = 16


class KeyMaker:
    """Makes the keys of one installation: all its nodes have the same secret. SetupError `secret_short`."""

    def __init__(self, secret: str, *, browsers: bool = True) -> None:
        self._secret = secret.encode()
        self._browsers = browsers
        if len(self._secret) < LEAST_SECRET_BYTES:
            raise SetupError("secret_short", f"crm.key_secret has at least {LEAST_SECRET_BYTES} characters.")

    def of_entry(self, entry: Entry) -> tuple[CustomerKey, ...]:
        """The keys of who comes in, the surest first."""
        named = () if entry.identity is None else (self.of_identity(entry.identity),)
        return named + self.of_visitor(visitor_hash(entry.visitor_key))

    def of_identity(self, identity: Identity) -> CustomerKey:
        kind = KeyKind.IDENTITY if identity.verified else KeyKind.CLAIMED
        return CustomerKey(kind=kind, digest=self.digest(kind, f"{identity.realm}\n{identity.subject}"))

    def of_visitor(self, hashed: str) -> tuple[CustomerKey, ...]:
        """Of a visitor as the journal knows them; none when the journal does not any more, or they are not to be."""
        if not hashed or not self._browsers:
            return ()
        return (CustomerKey(kind=KeyKind.BROWSER, digest=self.digest(KeyKind.BROWSER, hashed)),)

    def digest(self, kind: KeyKind, value: str) -> str:
        return hmac.new(self._secret, f"{kind.value}\n{value}".encode("utf-8", "replace"), "sha256").hexdigest()
