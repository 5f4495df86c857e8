"""Reminders by HTTP: one signed JSON body by POST. Knows when to ask again, and not how often.

A link for a time is `link.reminder`, told before it opens; one to a kept place is `callback.due`, told when its turn
has come.
"""

import json
from datetime import UTC, datetime
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.outbound import NOT_NOW, Outbound, Unanswered
from gateway.base.signing import sign
from gateway.links.model import Link
from gateway.links.places import told_of
from gateway.links.reminding import ReminderDeclined, reminder_id

CONNECTIONS: Final = 4


class ReminderWebhook:
    """`ReminderPort` over HTTP. The reply's body is not read. `aclose` it."""

    def __init__(self, *, url: str, secret: str, timeout_s: float, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._outbound = Outbound(connections=CONNECTIONS, timeout_s=timeout_s, reply_limit_bytes=0)

    async def aclose(self) -> None:
        await self._outbound.aclose()

    async def remind(self, link: Link) -> None:
        key = reminder_id(link)
        body = json.dumps(_message(link, key), ensure_ascii=False).encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            **sign(self._secret, int(self._clock.now().timestamp()), body),
        }
        try:
            status = (await self._outbound.post(self._url, headers, body)).status
        except Unanswered as error:
            raise PortFailure("reminder_unreachable", f"Nobody took it ({error.reason}).") from None
        if 200 <= status < 300 or status == 409:  # 409: it has this id already
            return
        if 400 <= status < 500 and status not in NOT_NOW:
            raise ReminderDeclined("reminder_declined", f"It was declined with {status}.")
        raise PortFailure(f"reminder_status_{status}", f"The answer was {status}.")


def _message(link: Link, key: str) -> dict[str, object]:
    if link.place_of is not None and link.called_at is not None:
        return {
            "type": "callback.due",
            "id": key,
            "link_id": link.link_id,
            "contact_id": link.place_of,
            "site": link.site,
            "queue": link.queue,
            "called_at": _time(link.called_at),
            "customer": told_of(link),
        }
    return {
        "type": "link.reminder",
        "id": key,
        "link_id": link.link_id,
        "made_by": link.made_by,
        "site": link.site,
        "queue": link.queue,
        "agent_id": link.agent_id,
        "agent_name": link.agent_name,
        "opens_at": _time(link.opens_at),
        "closes_at": _time(link.closes_at),
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
