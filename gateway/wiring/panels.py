"""`signaling.ports.PanelClaims` over the claims of this node: a panel is opened for the one call it was made for.

Who opened what, and what was refused, is audited.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.acd.passes import PanelPasses, PanelSeat
from gateway.base.errors import GatewayError, NotFound, PortFailure, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.base.log import get_logger
from gateway.recordings.port import AuditPort
from signaling.ports import Account, OpenedPanel

_log = get_logger("acd.tasks")


async def _nobody_comes(seat: PanelSeat) -> None:
    """No ACD moves contacts."""


class PanelsForSignaling:
    """`signaling.ports.PanelClaims` over the claims of this node. Who opened what, and what was refused, is audited.
    `comes` is called with the seat of an agent who has no contact yet, and returns when whatever follows of it has."""

    def __init__(
        self,
        passes: PanelPasses,
        agents: Callable[[], Awaitable[Sequence[Account]]],
        contact_of: Callable[[AgentId], ContactId | None],
        audit: AuditPort,
        comes: Callable[[PanelSeat], Awaitable[None]] = _nobody_comes,
    ) -> None:
        self._passes = passes
        self._agents = agents
        self._contact_of = contact_of
        self._audit = audit
        self._comes = comes

    async def redeem(self, token: str, *, address: str) -> OpenedPanel:
        try:
            opened, seat = await self._opened(token)
        except PortFailure:  # no fault of who came
            self._passes.give_back(token)
            raise
        except GatewayError as error:
            await self._note("desktop", "panel_refused", "", {"code": error.code, "address": address})
            raise
        facts = {"acd": seat.acd, "agent_id": seat.agent_id, "address": address}
        await self._note(opened.account.name, "panel_opened", seat.contact_id, facts)
        return opened

    async def _opened(self, token: str) -> tuple[OpenedPanel, PanelSeat]:
        seat = self._passes.redeem(token)
        account = next((each for each in await self._agents() if each.agent_id == seat.agent_id), None)
        if account is None:
            raise NotFound("panel_claim_agent", "The agent of this call has no account here.")
        if self._contact_of(seat.agent_id) is None:
            await self._comes(seat)
        if self._contact_of(seat.agent_id) != seat.contact_id:
            raise StateConflict("panel_claim_stale", "This call is over, or is somebody else's by now.")
        return OpenedPanel(contact_id=seat.contact_id, account=account), seat

    async def _note(self, actor: str, action: str, subject: str, data: Mapping[str, Any]) -> None:
        """A customer does not wait for the records to come back; what could not be written stands in the log."""
        try:
            await self._audit(actor, action, subject, data)
        except PortFailure as failure:
            _log.warning("panel.unaudited", code=failure.code, actor=actor, action=action, subject=subject)
