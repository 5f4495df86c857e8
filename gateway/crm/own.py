"""Our own records as a CRM: what they know of a customer, and their timeline, behind the same port as one outside."""

from collections.abc import Sequence

from gateway.base.clock import Clock
from gateway.crm.port import CustomerRecords, Interaction, InteractionRecords, Visit
from gateway.parties import CustomerHistory


class OwnCrm:
    """`CrmPort` over the records. `tells_outside`: what is logged here then waits to be told to the one outside."""

    def __init__(
        self, customers: CustomerRecords, interactions: InteractionRecords, clock: Clock, *, tells_outside: bool = False
    ) -> None:
        self._customers = customers
        self._interactions = interactions
        self._clock = clock
        self._tells_outside = tells_outside

    async def find(self, visit: Visit) -> CustomerHistory | None:
        await self._customers.arrived(visit)
        return await self._customers.history(visit)

    async def log(self, interactions: Sequence[Interaction], visit: Visit) -> None:
        deliver_at = self._clock.now() if self._tells_outside else None
        await self._customers.arrived(visit)  # nothing happens when it was kept
        await self._interactions.log(interactions, visit, deliver_at=deliver_at)
