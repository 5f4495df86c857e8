"""How a contact comes into another agent's hands at somebody's wish: claims of its video, and transfers.

It checks what is asked and feeds the tables; what the ACD is told follows from the transition (`consequences`).
"""

from collections.abc import Callable

from gateway.acd.events import TargetKind, TransferMode
from gateway.acd.port import AcdMode
from gateway.base.errors import BadInput, StateConflict
from gateway.base.ids import AgentId, new_offer_id
from gateway.contacts import events
from gateway.contacts.acdwork import Acdwork
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Neighbours
from gateway.contacts.events import ContactEvent
from gateway.contacts.journal import JournalSource
from gateway.contacts.model import Contact, Role, take_on
from gateway.contacts.states import OVER, ContactState
from gateway.contacts.views import transfers_of
from gateway.parties import AcceptOffer, AgentRequest, HangUp, RejectOffer, TransferContact


class Handover:
    """Of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        acd: Acdwork,
        feed: Callable[[Machine, Event, JournalSource], None],
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._acd = acd
        self._feed = feed

    def claim(self, agent_id: AgentId) -> None:
        """An agent's panel has shown the id. One wins; whoever has the video already, has it.

        StateConflict: `claim_over`, `claim_taken` (another agent is just taking it), `agent_busy`.
        """
        contact = self._contact
        if contact.agent is not None and contact.agent.agent_id == agent_id and contact.state not in OVER:
            return
        if contact.state in OVER or not contact.split:
            raise StateConflict("claim_over", "This call is over.")
        if contact.state is ContactState.BRIDGING:
            raise StateConflict("claim_taken", "Another agent is taking this video.")
        agent = self._n.agents.find(agent_id)
        if agent is None or not agent.may_claim:
            raise StateConflict("agent_busy", "End what you are on first.")
        self._acd.claimed_by(agent, JournalSource.AGENT)

    def transfer(self, request: TransferContact) -> None:
        """StateConflict: `transfer_unsupported`, `agent_not_ready`; BadInput: `transfer_target_unknown`."""
        contact = self._contact
        acd, agent = contact.acd, contact.agent
        if contact.state not in (ContactState.ACTIVE, ContactState.HELD) or acd is None or agent is None:
            raise StateConflict("transfer_not_now", "A call can be transferred while you are in it.")
        kind = TargetKind(request.kind)
        if request.consult and (
            kind is not TargetKind.AGENT or TransferMode.CONSULT.value not in transfers_of(contact)
        ):
            raise StateConflict("transfer_unsupported", "Only an agent can be asked, and not where you have a phone.")
        by_acd = TransferMode.BLIND in acd.capabilities.transfers
        if kind.value not in transfers_of(contact):
            raise StateConflict("transfer_unsupported", "This can't be transferred from here.")
        if kind is TargetKind.QUEUE and not self._n.views.lists_queue(request.target):
            raise BadInput("transfer_target_unknown", "There is no such queue.")
        by_phone = kind is TargetKind.QUEUE and self._n.acd.capabilities(request.target).mode is AcdMode.CALL
        if by_phone and not contact.split:
            raise StateConflict("transfer_unsupported", "This queue is reached by phone only.")
        if kind is TargetKind.AGENT and not contact.split:
            target = self._n.agents.find(AgentId(request.target))
            if target is None or target.card.agent_id == agent.agent_id:
                raise BadInput("transfer_target_unknown", "There is no such agent here.")
            if not target.may_be_offered:
                raise StateConflict("agent_not_ready", "This agent is not ready just now.")
        if request.consult:
            self._ask(AgentId(request.target))
            return
        if by_acd:
            event: ContactEvent = events.TransferStarted(kind=kind.value, target=request.target)
        elif kind is TargetKind.QUEUE:
            event = events.Transferred(queue=request.target)
        else:
            event = events.Transferred(agent_id=request.target)
        self._feed(Machine.CONTACT, event, JournalSource.AGENT)

    # ------------------------------------------------------------ an agent is asked first

    def _ask(self, agent_id: AgentId) -> None:
        contact, asked = self._contact, self._n.agents.find(agent_id)
        if asked is None:
            raise BadInput("transfer_target_unknown", "There is no such agent here.")
        offer_id = new_offer_id()
        contact.second = take_on(asked, offer_id, Role.SECOND, self._n.clock.monotonic())
        self._feed(Machine.CONTACT, events.ConsultStarted(offer_id=offer_id, agent_id=agent_id), JournalSource.AGENT)

    def complete(self) -> None:
        """The agent who was asked takes the customer over. StateConflict (`consult_not_connected`)."""
        second = self._contact.second
        if self._contact.state is not ContactState.CONSULTING or second is None or not second.side.connected:
            raise StateConflict("consult_not_connected", "Nobody is there yet who could take the customer over.")
        self._feed(Machine.CONTACT, events.TransferCompleted(), JournalSource.AGENT)

    def back_to_customer(self) -> None:
        """Whoever asked goes back to the customer."""
        self._feed(Machine.CONTACT, events.ConsultEnded(reason="taken_back"), JournalSource.AGENT)

    def hang_up(self) -> None:
        """The one who asks leaves. StateConflict (`consult_open`) while nobody is there to take the customer over."""
        second = self._contact.second
        if self._contact.state is ContactState.CONSULTING and second is not None and second.side.connected:
            self.complete()
        else:
            raise StateConflict("consult_open", "The customer waits: go back to them first.")

    def asked(self, request: AgentRequest) -> None:
        """What the agent who is asked wants. StateConflict (`offer_stale`, `not_your_contact`)."""
        contact, second = self._contact, self._contact.second
        if second is None:
            return
        match request:
            case AcceptOffer(offer_id=offer_id) | RejectOffer(offer_id=offer_id):
                if second.offer_id != offer_id or contact.state is not ContactState.CONSULT_RINGING:
                    raise StateConflict("offer_stale", "This offer is over.")
                accepted = isinstance(request, AcceptOffer)
                answer = events.ConsultAccepted() if accepted else events.ConsultRejected()
                self._feed(Machine.CONTACT, answer, JournalSource.AGENT)
            case HangUp():
                self._feed(Machine.CONTACT, events.ConsultEnded(reason="closed"), JournalSource.AGENT)
            case _:
                raise StateConflict("not_your_contact", "A colleague has this contact.")

    # ------------------------------------------------------------ what the ACD refused

    def refused(self, code: str) -> None:
        """The ACD did not take the order. What it can't do by itself is done by our own means, if those suffice."""
        contact = self._contact
        if contact.state is not ContactState.TRANSFERRING:
            return
        target = contact.acd.asked_for if contact.acd is not None else None
        ours = code == "transfer_unsupported" and not contact.split
        if ours and target is not None and target.kind is TargetKind.QUEUE:
            self._feed(Machine.CONTACT, events.Transferred(queue=target.value), JournalSource.GATEWAY)
        elif ours and target is not None and target.kind is TargetKind.AGENT:
            self._feed(Machine.CONTACT, events.Transferred(agent_id=target.value), JournalSource.GATEWAY)
        else:
            self._feed(Machine.CONTACT, events.TransferFailed(reason=code), JournalSource.GATEWAY)
