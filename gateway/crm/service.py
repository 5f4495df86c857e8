"""The customers of a node: finding, writing down and telling outside, started together and ended in order.

Decides nothing itself. The webhook is made on the loop, at the start.
"""

from collections.abc import Callable
from random import Random

from gateway.base.clock import Clock
from gateway.base.ids import ContactId
from gateway.base.tasks import Supervisor
from gateway.config.crm import CrmSettings
from gateway.crm.finding import Finding
from gateway.crm.keys import KeyMaker
from gateway.crm.own import OwnCrm
from gateway.crm.port import CustomerRecords, InteractionRecords
from gateway.crm.telling import Alarm, Telling
from gateway.crm.webhook import WebhookCrm
from gateway.crm.writing import ChatOfContacts, JournalOfContacts, Writing
from gateway.parties import CustomerHistory, Entry


class CrmService:
    """`gateway.contacts.ports.CustomersPort`, and the tasks behind it."""

    def __init__(
        self,
        *,
        settings: CrmSettings,
        customers: CustomerRecords,
        interactions: InteractionRecords,
        journal: JournalOfContacts,
        keys: KeyMaker,
        webhook_secret: str,
        clock: Clock,
        rng: Random,
        alarm: Alarm,
        chat: ChatOfContacts | None = None,
    ) -> None:
        hook = settings.webhook
        self.keys = keys
        self.customers = customers
        self.interactions = interactions
        self.outside = (
            WebhookCrm(
                url=hook.url,
                secret=webhook_secret,
                authorization=hook.authorization.get_secret_value(),
                timeout_s=hook.timeout.total_seconds(),
                clock=clock,
            )
            if hook.url
            else None
        )
        self._tells = self.outside if hook.log else None
        own = OwnCrm(customers, interactions, clock, tells_outside=self._tells is not None)
        self.finding = Finding(own, self.outside if hook.find else None, keys, clock)
        self.writing = Writing(
            own=own,
            customers=customers,
            interactions=interactions,
            journal=journal,
            finding=self.finding,
            keys=keys,
            clock=clock,
            retention_days=settings.retention_days,
            chat=chat,
        )
        self.telling = (
            Telling(
                interactions=interactions,
                outside=self._tells,
                told=self.writing.told,
                clock=clock,
                rng=rng,
                give_up=hook.give_up,
                limit=hook.outbox_limit,
                alarm=alarm,
            )
            if self._tells is not None
            else None
        )
        self._clock = clock
        self._tasks = Supervisor("crm")

    def start(self) -> None:
        """Begin to write down and to tell. Called on the loop that calls everything else here."""
        _ = self._tasks.spawn(self.writing.run(), name="writing")
        if self.telling is not None:
            _ = self._tasks.spawn(self.telling.run(), name="telling")

    async def aclose(self) -> None:
        """Stop. What is not written down or told yet is found by the next start. Idempotent."""
        await self._tasks.aclose()
        await self.finding.aclose()
        if self.outside is not None:
            await self.outside.aclose()

    # ------------------------------------------------------------ CustomersPort

    def arrived(self, contact_id: ContactId, entry: Entry) -> None:
        self.finding.arrived(contact_id, entry)

    def ended(self, contact_id: ContactId) -> None:
        self.finding.ended(contact_id)
        self.writing.closed()

    def on_known(self, listener: Callable[[ContactId, CustomerHistory], None]) -> None:
        self.finding.on_known(listener)

    # ------------------------------------------------------------ people

    async def redeliver(self) -> int:
        """Tell again what was left for a person; how many. Nothing happens where there is no CRM outside."""
        if self.telling is None:
            return 0
        count = await self.interactions.redeliver(self._clock.now())
        self.writing.told.set()
        return count
