"""Any order of commands on the queues, beside the plain dictionaries of the unit tests."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.acd.builtin.ports import Hold, News, QueueStore, Seat, Ticket
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import LiveSettings
from gateway.live.queues import LiveQueueStore
from gateway.live.store import open_live
from tests.support.memory_queues import MemoryQueues

QUEUES = ("sales", "support")
CONTACTS = tuple(ContactId(f"ct_contact{number}") for number in range(3))
AGENTS = tuple(AgentId(f"ag_agent000{number}") for number in range(2))
OFFERS = tuple(OfferId(f"of_offer000{number}") for number in range(2))
NODES = ("n1", "n2")

contacts = st.sampled_from(CONTACTS)
agents = st.sampled_from(AGENTS)
offers = st.sampled_from(OFFERS)
nodes = st.sampled_from(NODES)
scores = st.sampled_from([1.0, 2.0, 2.001, 119_999_999_999.001])
mostly = st.sampled_from([True, True, True, False])
tickets = st.builds(
    Ticket,
    contact_id=contacts,
    queue=st.sampled_from(QUEUES),
    score=scores,
    node=nodes,
    channel=st.sampled_from(["video", "chat"]),
    offerable=mostly,
    callback=mostly.map(lambda yes: not yes),
)
holds = st.builds(Hold, agent_id=agents, offer_id=offers, taken=st.booleans())
seats = st.builds(
    Seat,
    agent_id=agents,
    queues=st.sampled_from([QUEUES, ("sales",), ("support",), ()]),
    state=st.sampled_from(["ready", "busy", "not_ready"]),
    reason=st.none(),
    ready_score=st.one_of(scores, scores, st.none()),
    node=nodes,
    chats=st.integers(0, 2),
    chats_beside_video=st.integers(0, 1),
)
rings = st.lists(
    st.builds(Hold, agent_id=agents, offer_id=offers), min_size=1, max_size=2, unique_by=lambda each: each.agent_id
).map(tuple)
reservations = st.tuples(st.just("reserve"), contacts, agents, offers, st.integers(0, 6))
commands = st.lists(
    st.one_of(
        st.tuples(st.just("put_ticket"), tickets, st.one_of(st.none(), st.none(), holds)),
        st.tuples(st.just("put_seat"), seats),
        st.tuples(st.just("put_ticket"), tickets, st.none(), rings),
        reservations,
        reservations,
        st.tuples(st.just("ring"), contacts, rings, st.integers(0, 6)),
        st.tuples(st.just("take"), contacts, offers),
        st.tuples(st.just("drop_ticket"), contacts),
        st.tuples(st.just("drop_seat"), agents),
        st.tuples(st.just("release"), contacts, offers),
        st.tuples(st.just("forget_node"), nodes),
    ),
    max_size=30,
)
everybody_there = [
    *(("put_ticket", Ticket(contact_id=each, queue="sales", score=1.0, node="n1"), None) for each in CONTACTS),
    *(
        ("put_seat", Seat(agent_id=each, queues=QUEUES, state="ready", reason=None, ready_score=1.0, node="n1"))
        for each in AGENTS
    ),
    ("reserve", CONTACTS[0], AGENTS[0], OFFERS[0], 0),
]


def told(news: News) -> object:
    """News without its numbers, which begin at another count in each store."""
    return (
        sorted(((row.ticket, row.hold, row.ring) for row in news.tickets), key=lambda each: each[0].contact_id),
        sorted(((row.seat, dict(row.holds), row.offered_s) for row in news.seats), key=lambda each: each[0].agent_id),
        sorted(news.gone_tickets),
        sorted(news.gone_seats),
    )


async def carry_out(store: QueueStore, step: tuple[object, ...], version: int) -> object:
    """Whether it changed anything."""
    name, *arguments = step
    if name == "reserve":
        contact_id, agent_id, offer_id, behind = arguments
        seen = max(version - int(str(behind)), 0)
        return await store.reserve(contact_id, agent_id, offer_id, seen=seen, now_s=5.0)  # type: ignore[arg-type]
    if name == "ring":
        contact_id, more, behind = arguments
        return await store.ring(contact_id, more, seen=max(version - int(str(behind)), 0), now_s=5.0)  # type: ignore[arg-type]
    return await getattr(store, str(name))(*arguments)


@settings(max_examples=120, deadline=None)
@given(commands)
async def test_the_queues_do_what_the_model_does(steps):
    live = open_live(LiveSettings())
    store, model = LiveQueueStore(live), MemoryQueues()
    behind: list[tuple[int, int]] = []  # the same moments, as each store counts them
    at = (0, 0)
    for step in everybody_there + steps:
        theirs, ours = await carry_out(store, step, at[0]), await carry_out(model, step, at[1])
        assert bool(theirs) == bool(ours), step
        at = (int(str(theirs)) or at[0], int(str(ours)) or at[1])
        assert told(await store.news(0)) == told(await model.news(0))
        behind = [*behind, at][-3:]
        for seen, known in behind:
            assert told(await store.news(seen)) == told(await model.news(known)), step
    for contact_id in CONTACTS:
        await store.drop_ticket(contact_id)
    for agent_id in AGENTS:
        await store.drop_seat(agent_id)
    left = {str(key).rpartition(":")[2] async for key in live.client.scan_iter("*")}
    assert left <= {"version", "log", "floor", "nodes"}, "nothing of people is left behind"
    await live.aclose()
