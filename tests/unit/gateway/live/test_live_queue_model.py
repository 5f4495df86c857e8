"""Any order of commands on the queues, beside a model that is plain enough to be believed."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.acd.builtin.ports import Line, Seat, Ticket
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import LiveSettings
from gateway.live.queues import LiveQueueStore
from gateway.live.store import Live, open_live

QUEUES = ("sales", "support")
CONTACTS = tuple(ContactId(f"ct_contact{number}") for number in range(2))
AGENTS = tuple(AgentId(f"ag_agent000{number}") for number in range(2))
OFFERS = tuple(OfferId(f"of_offer000{number}") for number in range(2))
NODES = ("n1", "n2")

scores = st.sampled_from([1.0, 2.0, 2.001, 119_999_999_999.001])
tickets = st.builds(
    Ticket,
    contact_id=st.sampled_from(CONTACTS),
    queue=st.sampled_from(QUEUES),
    score=scores,
    node=st.sampled_from(NODES),
)
seats = st.builds(
    Seat,
    agent_id=st.sampled_from(AGENTS),
    queues=st.sampled_from([QUEUES, ("sales",), ("support",), ()]),
    state=st.just("any"),
    reason=st.none(),
    ready_score=st.one_of(scores, scores, st.none()),
    node=st.sampled_from(NODES),
)
reservations = st.tuples(
    st.just("reserve"),
    st.sampled_from(QUEUES),
    st.sampled_from(CONTACTS),
    st.sampled_from(AGENTS),
    st.sampled_from(OFFERS),
)
commands = st.lists(
    st.one_of(
        st.tuples(st.just("put_ticket"), tickets),
        st.tuples(st.just("put_seat"), seats),
        reservations,
        reservations,
        st.tuples(st.just("drop_ticket"), st.sampled_from(CONTACTS)),
        st.tuples(st.just("drop_seat"), st.sampled_from(AGENTS)),
        st.tuples(st.just("release"), st.sampled_from(CONTACTS), st.sampled_from(OFFERS)),
        st.tuples(st.just("forget_node"), st.sampled_from(NODES)),
    ),
    max_size=30,
)
everybody_there = (
    [("put_ticket", Ticket(contact_id=each, queue="sales", score=1.0, node="n1")) for each in CONTACTS]
    + [
        ("put_seat", Seat(agent_id=each, queues=QUEUES, state="any", reason=None, ready_score=1.0, node="n1"))
        for each in AGENTS
    ]
    + [("reserve", "sales", CONTACTS[0], AGENTS[0], OFFERS[0])]
)


@dataclass
class Model:
    """Two dictionaries and a list of reservations."""

    tickets: dict[ContactId, Ticket] = field(default_factory=dict)
    seats: dict[AgentId, Seat] = field(default_factory=dict)
    reserved: list[tuple[ContactId, AgentId, OfferId]] = field(default_factory=list)

    def put_ticket(self, ticket: Ticket) -> None:
        self.tickets[ticket.contact_id] = ticket

    def drop_ticket(self, contact_id: ContactId) -> None:
        self.tickets.pop(contact_id, None)
        self.reserved = [each for each in self.reserved if each[0] != contact_id]

    def put_seat(self, seat: Seat) -> None:
        self.drop_seat(seat.agent_id)
        self.seats[seat.agent_id] = seat

    def drop_seat(self, agent_id: AgentId) -> None:
        self.seats.pop(agent_id, None)
        self.reserved = [each for each in self.reserved if each[1] != agent_id]

    def reserve(self, queue: str, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId) -> bool:
        line = self.line(queue)
        free = all(each[0] != contact_id for each in self.reserved)
        if contact_id not in line.waiting or agent_id not in line.ready or not free:
            return False
        seat = self.seats[agent_id]
        self.seats[agent_id] = Seat(
            agent_id=agent_id, queues=seat.queues, state=seat.state, reason=None, ready_score=None, node=seat.node
        )
        self.reserved.append((contact_id, agent_id, offer_id))
        return True

    def release(self, contact_id: ContactId, offer_id: OfferId) -> None:
        self.reserved = [each for each in self.reserved if (each[0], each[2]) != (contact_id, offer_id)]

    def forget_node(self, node: str) -> None:
        for contact_id in [each.contact_id for each in self.tickets.values() if each.node == node]:
            self.drop_ticket(contact_id)
        for agent_id in [each.agent_id for each in self.seats.values() if each.node == node]:
            self.drop_seat(agent_id)

    def line(self, queue: str) -> Line:
        waiting = sorted((each.score, each.contact_id) for each in self.tickets.values() if each.queue == queue)
        ready = sorted(
            (each.ready_score, each.agent_id)
            for each in self.seats.values()
            if each.ready_score is not None and queue in each.queues
        )
        return Line(queue=queue, waiting=tuple(each[1] for each in waiting), ready=tuple(each[1] for each in ready))


async def reservations_in(live: Live) -> list[tuple[str, str, str]]:
    """Who is reserved for whom, as both sides of it say."""
    found = []
    for contact_id in CONTACTS:
        ticket = await live.client.hgetall(live.key("acd", "ticket", contact_id))
        if "agent" in ticket:
            seat = await live.client.hgetall(live.key("acd", "seat", ticket["agent"]))
            assert (seat["contact"], seat["offer"]) == (contact_id, ticket["offer"])
            found.append((contact_id, ticket["agent"], ticket["offer"]))
    for agent_id in AGENTS:
        seat = await live.client.hgetall(live.key("acd", "seat", agent_id))
        assert "contact" not in seat or (seat["contact"], agent_id, seat["offer"]) in found
    return sorted(found)


@settings(max_examples=80, deadline=None)
@given(commands)
async def test_the_queues_do_what_the_model_does(steps):
    live = open_live(LiveSettings())
    store, model = LiveQueueStore(live), Model()
    for name, *arguments in everybody_there + steps:
        assert await getattr(store, name)(*arguments) == getattr(model, name)(*arguments), name
        for queue in QUEUES:
            assert await store.line(queue) == model.line(queue)
        assert await reservations_in(live) == sorted(model.reserved)
    for contact_id in CONTACTS:
        await store.drop_ticket(contact_id)
    for agent_id in AGENTS:
        await store.drop_seat(agent_id)
    assert [key async for key in live.client.scan_iter("*")] == [], "nothing is left behind"
    await live.aclose()
