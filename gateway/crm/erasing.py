"""The end of a customer: everything of them is removed or made nameless here, and a signed receipt says so.

Recordings first (their own rules and holds apply, and it is by the contacts that they are found), then the rows.
What was told to a CRM outside is that CRM's: the receipt says that it was told.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.base.errors import NotFound, StateConflict
from gateway.base.ids import ContactId
from gateway.crm.port import CustomerId, CustomerRecords

EraseRecordings = Callable[[CustomerId, Sequence[ContactId], str, str], Awaitable[Mapping[str, Any] | None]]
"""`(customer, their contacts, by, reason)` → what became of their recordings, for the receipt; None: there is none."""

Unfinished = Callable[[Sequence[ContactId]], Awaitable[bool]]
"""Whether a recording of these contacts is still being made: it can't be erased yet, nor found again without them."""

Receipt = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Sign and keep what was done; the receipt as it is given out."""

Audit = Callable[[str, str, str, Mapping[str, Any]], Awaitable[None]]
"""Who (`actor`) did what (`action`) to which thing (`subject`), with some `data`."""


class CustomerErasing:
    """Erases one customer at a time."""

    def __init__(
        self,
        *,
        customers: CustomerRecords,
        recordings: EraseRecordings,
        unfinished: Unfinished,
        receipt: Receipt,
        audit: Audit,
        outside: str,
    ) -> None:
        self._customers = customers
        self._recordings = recordings
        self._unfinished = unfinished
        self._receipt = receipt
        self._audit = audit
        self._outside = outside

    async def erase(self, customer_id: CustomerId, *, by: str, reason: str) -> Mapping[str, Any]:
        """The receipt. NotFound; StateConflict (`customer_in_contact`, `customer_recording_unfinished`) while a call of
        theirs has not ended, or its recording is still being made.

        The audit is written first. PortFailure: what was erased until then is erased, and the next call goes on.
        """
        customer = await self._customers.customer(customer_id)
        if customer is None:
            raise NotFound("no_such_customer", "There is no such customer.")
        if await self._customers.in_contact(customer.customer_id):
            raise StateConflict("customer_in_contact", "A call of this customer has not ended: end it and ask again.")
        contacts = await self._customers.contacts_of(customer.customer_id)
        if await self._unfinished(contacts):
            raise StateConflict(
                "customer_recording_unfinished", "A recording of this customer is still being made: ask again later."
            )
        await self._audit(by, "customer_erased", customer.customer_id, {"reason": reason})
        recordings = await self._recordings(customer.customer_id, contacts, by, reason)
        erased = await self._customers.erase(customer.customer_id)
        return await self._receipt(
            {
                "subject": customer.customer_id,
                "by": by,
                "reason": reason,
                "contacts": list(erased.contacts),
                "keys_deleted": erased.keys,
                "interactions_made_nameless": erased.interactions,
                "recordings": recordings,
                "told_outside": self._outside or None,
            }
        )
