"""Customers between rooms that must not know each other: how the service is made, and what signaling asks of it.

Decides nothing: it renames, joins and turns values into the JSON of `docs/developer/rest.md`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.base.clock import Clock
from gateway.base.errors import BadInput, NotFound, SetupError
from gateway.base.ids import ContactId, looks_like_id, new_id
from gateway.config import Settings, SiteSettings
from gateway.config.crm import CrmWebhookSettings
from gateway.crm.erasing import Audit, CustomerErasing
from gateway.crm.port import Customer, CustomerId, TimelineEntry
from gateway.crm.service import CrmService
from gateway.parties import ChatLine, Identity
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import UNFINISHED, RecordingState
from gateway.vault.manifest import canonical
from gateway.vault.port import Receipt
from gateway.vault.service import Vault
from gateway.wiring.times import iso
from signaling import ports

_GONE = frozenset({RecordingState.EXPIRED, RecordingState.ABORTED})

RecordingsOf = Callable[[Sequence[ContactId]], Any]
"""The newest recording of each of these contacts (`SqlRecordings.by_contacts`)."""


def webhook_secret(settings: CrmWebhookSettings) -> str:
    """The secret that signs, from the settings or its file. SetupError `crm_secret`."""
    if settings.secret_file is None:
        return settings.secret.get_secret_value()
    return _read(settings.secret_file)


def _read(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SetupError("crm_secret", f"crm.webhook.secret_file {path} can't be read: {reason}.") from error
    if not secret:
        raise SetupError("crm_secret", f"crm.webhook.secret_file {path} is empty.")
    return secret


class CustomersForSignaling:
    """`signaling.ports.Customers` over the service, the vault and the recordings."""

    def __init__(
        self,
        service: CrmService,
        settings: Settings,
        vault: Vault,
        recordings_of: RecordingsOf,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._service = service
        self._sites = settings.sites
        self._queue_names = {queue.id: queue.name for queue in settings.queues}
        self._vault = vault
        self._recordings_of = recordings_of
        self._audit = audit
        self._clock = clock
        self._erasing = CustomerErasing(
            customers=service.customers,
            recordings=self._erase_recordings,
            unfinished=self._unfinished,
            receipt=self._receipt,
            audit=audit,
            outside=settings.crm.webhook.url if settings.crm.webhook.log else "",
        )

    async def page(self, key: str, *, before: str | None, limit: int) -> ports.CustomerPage:
        if before is not None and not looks_like_id(before, "cu"):
            raise BadInput("bad_cursor", "before is not the next_before of a page.")
        found = await self._service.customers.search(
            digests=self._digests(key),
            text=key,
            before=None if before is None else CustomerId(before),
            limit=limit + 1,
        )
        shown = found[:limit]
        return ports.CustomerPage(
            customers=[_customer(each) for each in shown],
            next_before=shown[-1].customer_id if len(found) > limit else None,
        )

    def _digests(self, key: str) -> list[str]:
        """What the key may be kept as: a name given by any site, verified or claimed."""
        if not key:
            return []
        realms = {realm_of(site) for site in self._sites}
        identities = [
            Identity(realm=realm, subject=key, verified=verified)
            for realm in sorted(realms)
            for verified in (True, False)
        ]
        return [self._service.keys.of_identity(each).digest for each in identities]

    async def timeline(self, customer_id: str, *, before: str | None, limit: int, by: str) -> ports.TimelinePage | None:
        customer = await self._found(customer_id)
        if customer is None:
            return None
        if before is None:  # once per look, not once per page
            await self._audit(by, "customer_opened", customer.customer_id, {})
        found = await self._service.customers.timeline(customer.customer_id, before=before, limit=limit + 1)
        shown = found[:limit]
        recordings = await self._recordings_of([entry.interaction.contact_id for entry in shown])
        return ports.TimelinePage(
            customer=_customer(customer),
            entries=[self._entry(entry, recordings.get(entry.interaction.contact_id)) for entry in shown],
            next_before=shown[-1].interaction.interaction_id if len(found) > limit else None,
        )

    async def _found(self, customer_id: str) -> Customer | None:
        if not looks_like_id(customer_id, "cu"):
            return None
        return await self._service.customers.customer(CustomerId(customer_id))

    async def erase(self, customer_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        if not looks_like_id(customer_id, "cu"):
            raise NotFound("no_such_customer", "There is no such customer.")
        return await self._erasing.erase(CustomerId(customer_id), by=by, reason=reason)

    async def redeliver(self, *, by: str) -> int:
        await self._audit(by, "crm_redelivered", "crm", {})
        return await self._service.redeliver()

    # ------------------------------------------------------------ erasing

    async def _erase_recordings(
        self, customer_id: CustomerId, contacts: Sequence[ContactId], by: str, reason: str
    ) -> Mapping[str, Any] | None:
        records = await self._recordings(contacts)
        if not records:
            return None
        receipt = await self._vault.erasing.erase(records, subject=customer_id, by=by, reason=reason)
        body: Mapping[str, Any] = json.loads(receipt.body)
        return {"receipt_id": receipt.receipt_id, "erased": len(body["erased"]), "kept": body["kept"]}

    async def _unfinished(self, contacts: Sequence[ContactId]) -> bool:
        return any(record.state in UNFINISHED for record in await self._recordings(contacts))

    async def _recordings(self, contacts: Sequence[ContactId]) -> list[RecordingRecord]:
        """All that there is anything of."""
        found: list[RecordingRecord] = []
        for contact_id in contacts:
            found += await self._vault.records.of_contact(contact_id)
        return [record for record in found if record.state not in _GONE]

    async def _receipt(self, done: Mapping[str, Any]) -> Mapping[str, Any]:
        now = self._clock.now()
        receipt_id = new_id("er")
        signer = self._vault.signer
        body = canonical(
            {"format": 1, "receipt_id": receipt_id, "at": now.isoformat(), "signed_by": signer.fingerprint, **done}
        )
        receipt = Receipt(receipt_id=receipt_id, at=now, body=body, signature=signer.sign(body))
        await self._vault.records.add_receipt(receipt)
        return {"receipt": json.loads(body), "signature": receipt.signature}

    # ------------------------------------------------------------ JSON

    def _entry(self, entry: TimelineEntry, recording: RecordingRecord | None) -> dict[str, object]:
        what = entry.interaction
        return {
            "interaction_id": what.interaction_id,
            "contact_id": what.contact_id,
            "segment": what.segment,
            "channel": "video",
            "site": what.site,
            "language": what.language,
            "queue": what.queue,
            "queue_name": None if what.queue is None else self._queue_names.get(what.queue, what.queue),
            "agent_id": what.agent_id,
            "agent_name": entry.agent_name or None,
            "started_at": iso(what.started_at),
            "ended_at": iso(what.ended_at),
            "end_reason": what.end_reason,
            "wait_s": what.wait_s,
            "talk_s": what.talk_s,
            "hold_s": what.hold_s,
            "wrap_up_s": what.wrap_up_s,
            "disposition": what.disposition,
            "notes": what.notes,
            "menu_path": list(what.menu_path),
            "chat": [_line(line) for line in what.chat],
            "display_name": entry.display_name,
            "page_url": entry.page_url,
            "page_title": entry.page_title,
            "form": dict(entry.form),
            "recording": None
            if recording is None
            else {"recording_id": recording.recording_id, "state": recording.state.value},
            "delivery": entry.delivery.value,
            "delivery_error": entry.delivery_error or None,
        }


def _line(line: ChatLine) -> dict[str, object]:
    return {"number": line.number, "by": line.by, "name": line.name, "at": iso(line.at), "text": line.text}


def realm_of(site: SiteSettings) -> str:
    """Whose customers come in on this site."""
    return site.identity_realm or site.id


def _customer(customer: Customer) -> dict[str, object]:
    return {
        "customer_id": customer.customer_id,
        "name": customer.name,
        "known_by": customer.known_by.value,
        "contacts": customer.contacts,
        "first_at": iso(customer.first_at),
        "last_at": iso(customer.last_at),
    }
