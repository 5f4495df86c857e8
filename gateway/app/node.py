"""A node as others see it while it begins: its address, and what an opening (the demo) may use of it."""

from dataclasses import dataclass
from typing import Protocol

from gateway.accounts.service import AccountService
from gateway.config import Settings
from gateway.rollout.service import RolloutService


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node that is built and about to take contacts: what an opening (the demo) may use."""

    settings: Settings
    url: str
    accounts: AccountService
    rollout: RolloutService


class Opening(Protocol):
    """What `visavis demo` adds to `visavis serve`."""

    demo_shop: bool

    async def seed(self, node: Node) -> None:
        """Before the first contact is taken. May be run on a folder that was seeded before."""
        ...

    def announce(self, node: Node) -> None:
        """Contacts are taken from now on."""
        ...


def public_url(settings: Settings, port: int) -> str:
    """What people type. Without a setting: the address we listen on, as far as this machine can say."""
    if settings.http.public_url:
        return settings.http.public_url.rstrip("/")
    host = settings.http.host
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - recognised, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
