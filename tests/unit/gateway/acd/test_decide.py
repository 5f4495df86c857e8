"""Who is offered to whom: every rule of a queue, one by one, on worlds of a few people."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from gateway.acd.builtin.ports import Hold, Seat, SeatRow, Ticket, TicketRow
from gateway.acd.builtin.routing.decide import Offer, decide
from gateway.acd.builtin.routing.line import score
from gateway.acd.builtin.routing.overflow import Leave, on_entry, staffed, while_waiting
from gateway.acd.builtin.routing.rules import RuleBook
from gateway.acd.builtin.routing.world import World
from gateway.acd.events import ExitReason
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import QueueSettings

T = 1_772_442_000.0  # 2026-03-02 09:00 UTC


class Room:
    """A world to fill with few words. Contacts are named, agents too."""

    def __init__(self, *, across: bool = False, **fields: object) -> None:
        sales = QueueSettings(id="sales", name="Sales", **fields)  # type: ignore[arg-type]
        self.book = RuleBook([sales, QueueSettings(id="support", name="Support"), chats()])
        self.world = World(self.book, across=across)
        self.barred: set[str] = set()

    def enter(self, name: str, at_s: float = 0, queue: str = "sales", **more: object) -> None:
        at = T + at_s
        values: dict[str, object] = {"queued_s": at, "sent_s": at, "node": "n1", "site": "shop", "language": "en"}
        values |= {"channel": self.book.of(queue).channel} | more
        place = score(
            priority=int(str(values.get("priority", 0))),
            queued_s=float(str(values["queued_s"])),
            at_head=bool(values.get("at_head", False)),
            aging_s=self.book.of(queue).aging_s,
        )
        ticket = Ticket(contact_id=ContactId(name), queue=queue, score=place, **values)  # type: ignore[arg-type]
        self.world.put_row(TicketRow(ticket=ticket))

    def sit(
        self, name: str, idle_since_s: float | None = 0, queues: Iterable[str] = ("sales",), **more: object
    ) -> None:
        values: dict[str, object] = {"node": "n1", "state": "ready" if idle_since_s is not None else "busy"} | more
        ready = T + idle_since_s if idle_since_s is not None else None
        seat = Seat(agent_id=AgentId(name), queues=tuple(queues), reason=None, ready_score=ready, **values)  # type: ignore[arg-type]
        self.world.put_seat(SeatRow(seat=seat))

    def ring(self, contact: str, agent: str, at_s: float = 0) -> None:
        hold = Hold(agent_id=AgentId(agent), offer_id=OfferId("of"))
        self.world.hold(ContactId(contact), hold, T + at_s)

    def take(self, contact: str, agent: str, at_s: float = 0) -> None:
        hold = Hold(agent_id=AgentId(agent), offer_id=OfferId("of"), taken=True)
        self.world.hold(ContactId(contact), hold, T + at_s)

    def offers(self, at_s: float = 10) -> list[tuple[str, str]]:
        plan = decide(self.world, T + at_s, lambda agent, _: agent not in self.barred)
        return [(offer.contact_id, offer.agent_id) for offer in plan]


def chats() -> QueueSettings:
    return QueueSettings(id="chats", name="Chats", channel="chat")


# ---------------------------------------------------------------- order


def test_first_come_first_served_by_the_longest_idle():
    room = Room()
    for name, at_s in (("two", 2), ("one", 1), ("three", 3)):
        room.enter(name, at_s)
    room.sit("late", 5)
    room.sit("early", 4)
    assert room.offers() == [("one", "early"), ("two", "late")]


def test_priority_goes_first_and_the_head_before_it():
    room = Room()
    room.enter("usual", 0)
    room.enter("urgent", 1, priority=5)
    room.enter("again", 2, at_head=True)
    for name in ("a", "b", "c"):
        room.sit(name)
    assert [contact for contact, _ in room.offers()] == ["again", "urgent", "usual"]


def test_without_aging_the_urgent_always_pass():
    room = Room()
    room.enter("old", -36_000)
    room.enter("urgent", 0, priority=1)
    room.sit("anna")
    assert room.offers() == [("urgent", "anna")]


def test_with_aging_waiting_is_worth_priority():
    room = Room(aging="60s")
    room.enter("old", -61)
    room.enter("urgent", 0, priority=1)
    room.sit("anna")
    assert room.offers() == [("old", "anna")]
    room = Room(aging="60s")
    room.enter("less old", -59)
    room.enter("urgent", 0, priority=1)
    room.sit("anna")
    assert room.offers() == [("urgent", "anna")]


def test_an_agent_of_two_queues_takes_who_is_worth_most_of_both():
    room = Room(aging="60s")
    room.enter("here", 0)
    room.enter("there", -5, queue="support")
    room.sit("anna", queues=("sales", "support"))
    assert room.offers(at_s=10) == [("here", "anna")], "ten seconds are a sixth of a step, and support knows no aging"
    room.world.drop_ticket(ContactId("here"))
    assert room.offers() == [("there", "anna")]


def test_who_may_not_be_offered_is_passed_and_keeps_the_place():
    room = Room()
    room.enter("gone", 0, offerable=False)
    room.enter("here", 1)
    room.sit("anna")
    assert room.offers() == [("here", "anna")]
    assert room.world.place_of(ContactId("gone")) == 1


def test_nobody_is_offered_twice():
    room = Room()
    room.enter("one", 0)
    room.enter("two", 1, queue="support")
    room.sit("anna", queues=("sales", "support"))
    assert room.offers() == [("one", "anna")]


# ---------------------------------------------------------------- skills and language


def test_an_agent_needs_every_skill_at_its_level():
    room = Room(skills="french=7, billing=3")
    room.enter("one")
    room.sit("low", skills={"french": 6, "billing": 9})
    room.sit("half", skills={"french": 9})
    assert room.offers() == []
    room.sit("both", 5, skills={"french": 7, "billing": 3})
    assert room.offers() == [("one", "both")]


def test_a_contact_brings_skills_of_its_own_and_the_higher_level_counts():
    room = Room(skills="french=3")
    room.enter("one", skills=(("french", 8),))
    room.sit("three", skills={"french": 3})
    assert room.offers() == []
    room.sit("eight", skills={"french": 8})
    assert room.offers() == [("one", "eight")]


def test_skills_relax_while_a_contact_waits_and_fall_away_at_nothing():
    room = Room(skills="french=7", relax=[{"after": "30s", "by": 2}, {"after": "60s", "by": 10}])
    room.enter("one")
    room.sit("five", 0, skills={"french": 5})
    assert room.offers(at_s=29.9) == []
    assert room.offers(at_s=30) == [("one", "five")]
    room = Room(skills="french=7", relax=[{"after": "30s", "by": 2}, {"after": "60s", "by": 10}])
    room.enter("one")
    room.sit("none", 0)
    assert room.offers(at_s=59) == []
    assert room.offers(at_s=60) == [("one", "none")]


def test_skills_relax_by_the_wait_in_this_line_alone():
    """What came before was another queue's line, or a conversation."""
    room = Room(skills="french=7", relax=[{"after": "30s", "by": 2}, {"after": "60s", "by": 10}])
    room.enter("one", queued_s=T - 600)
    room.sit("five", 0, skills={"french": 5})
    assert room.offers(at_s=29.9) == []
    assert room.world.next_moment(T) == T + 30
    assert room.offers(at_s=30) == [("one", "five")]


def test_a_place_that_was_kept_goes_on_with_what_its_wait_had_relaxed():
    fields: dict[str, object] = {"language": "required", "language_for": "50s"}
    room = Room(skills="french=7", relax=[{"after": "30s", "by": 2}, {"after": "60s", "by": 10}], **fields)
    room.enter("one", kept_s=40)
    room.sit("five", 0, skills={"french": 5}, languages=("fr",))
    assert room.offers(at_s=9.9) == [], "the language is asked for yet"
    assert room.world.next_moment(T) == T + 10
    assert room.offers(at_s=10) == [("one", "five")]


def test_the_next_moment_is_when_the_rules_may_say_something_else():
    room = Room(skills="french=7", relax=[{"after": "30s", "by": 2}, {"after": "60s", "by": 10}])
    room.enter("one")
    assert room.world.next_moment(T) == T + 30  # the preferred agent's window is 30 s too
    assert room.world.next_moment(T + 30) == T + 60
    assert room.world.next_moment(T + 60) is None


def test_somebody_behind_is_served_when_nobody_has_the_skill_of_the_first():
    room = Room()
    room.enter("rare", 0, skills=(("latin", 1),))
    room.enter("usual", 1)
    room.sit("anna")
    assert room.offers() == [("usual", "anna")]


def test_a_required_language_is_needed_for_its_time_and_then_only_better():
    room = Room(language="required", language_for="20s")
    room.enter("one", language="fr")
    room.sit("english", 0, languages=("en",))
    assert room.offers(at_s=19) == []
    assert room.offers(at_s=20) == [("one", "english")]
    room.sit("french", 9, languages=("fr", "en"))
    assert room.offers(at_s=20) == [("one", "french")]


def test_an_agent_without_languages_speaks_any():
    room = Room(language="required")
    room.enter("one", language="fr")
    room.sit("anna")
    assert room.offers() == [("one", "anna")]


# ---------------------------------------------------------------- preferred and last agent


def test_the_preferred_agent_is_waited_for_while_they_are_about():
    room = Room(preferred_agent_for="30s")
    room.enter("one", preferred=AgentId("anna"))
    room.sit("ben", 0)
    room.sit("anna", None)
    assert room.offers(at_s=29) == []
    assert room.offers(at_s=30) == [("one", "ben")]


@pytest.mark.parametrize("state", ["not_ready", None])
def test_a_preferred_agent_who_is_away_is_not_waited_for(state: str | None):
    room = Room()
    room.enter("one", preferred=AgentId("anna"))
    room.sit("ben")
    if state is not None:
        room.sit("anna", None, state=state)
    assert room.offers(at_s=1) == [("one", "ben")]


def test_preferred_before_last_before_the_longest_idle():
    room = Room()
    room.enter("one", preferred=AgentId("anna"), last=AgentId("ben"))
    room.sit("cleo", 0)
    room.sit("ben", 1)
    assert room.offers() == [("one", "ben")], "the last one is not waited for, but taken first"
    room.sit("anna", 2)
    assert room.offers() == [("one", "anna")]


def test_the_last_agent_is_waited_for_where_the_queue_says_so():
    room = Room(last_agent_for="15s")
    room.enter("one", last=AgentId("anna"))
    room.sit("ben", 0)
    room.sit("anna", None)
    assert room.offers(at_s=14) == []
    assert room.offers(at_s=15) == [("one", "ben")]


# ---------------------------------------------------------------- strategies


def test_least_occupied_is_a_share_of_the_time_logged_on():
    room = Room(strategy="least_occupied")
    room.enter("one")
    room.sit("long", 0, logged_on_s=T - 1000, busy_s=400)
    room.sit("short", 1, logged_on_s=T - 100, busy_s=50)
    assert room.offers(at_s=0) == [("one", "long")]


def test_round_robin_is_whoever_was_rung_longest_ago():
    room = Room(strategy="round_robin")
    for name in ("anna", "ben", "cleo"):
        room.sit(name)
    turns = []
    for number in range(6):
        room.enter(f"c{number}", number)
        ((contact, agent),) = room.offers(at_s=number)
        turns.append(agent)
        room.ring(contact, agent, at_s=number)
        room.take(contact, agent, at_s=number + 100)
        room.world.drop_ticket(ContactId(contact))
    assert turns == ["anna", "ben", "cleo"] * 2


def test_most_skilled_counts_the_skills_asked_for():
    room = Room(strategy="most_skilled", skills="french=2")
    room.enter("one")
    room.sit("some", 0, skills={"french": 5, "billing": 10})
    room.sit("most", 9, skills={"french": 8})
    assert room.offers() == [("one", "most")]


# ---------------------------------------------------------------- capacity


def test_one_video_at_a_time():
    room = Room()
    room.enter("one")
    room.enter("two", 1)
    room.sit("anna", chats=3, chats_beside_video=3)
    room.take("one", "anna")
    assert room.offers() == []


def test_chats_up_to_their_number_and_fewer_beside_a_video():
    room = Room()
    for number in range(4):
        room.enter(f"chat{number}", number, queue="chats")
    room.sit("anna", queues=("sales", "chats"), chats=3, chats_beside_video=1)
    for number in range(3):
        assert room.offers() == [(f"chat{number}", "anna")]
        room.take(f"chat{number}", "anna")
    assert room.offers() == []
    room.enter("video")
    assert room.offers() == [], "two chats too many for a video beside them"
    for name in ("chat0", "chat1"):
        room.world.drop_ticket(ContactId(name))
    assert room.offers() == [("video", "anna")]
    room.take("video", "anna")
    assert room.offers() == []
    room.world.drop_ticket(ContactId("chat2"))
    assert room.offers() == [("chat3", "anna")]


def test_without_chats_an_agent_gets_none():
    room = Room()
    room.enter("chat", queue="chats")
    room.sit("anna", queues=("chats",))
    assert room.offers() == []


# ---------------------------------------------------------------- pilots, robots, nodes


def test_who_may_not_serve_the_site_is_not_offered_but_robots_ask_nobody():
    room = Room()
    room.barred.add("anna")
    room.sit("anna")
    room.enter("one")
    assert room.offers() == []
    room.enter("robot", 1, canary=True)
    assert room.offers() == [("robot", "anna")]


def test_agents_of_other_nodes_only_where_nodes_work_together():
    for across, offers in ((False, []), (True, [("one", "far")])):
        room = Room(across=across)
        room.enter("one")
        room.sit("far", node="n2")
        assert room.offers() == offers


def test_an_agent_meant_for_another_nodes_contact_is_left_to_it():
    room = Room(across=True)
    room.enter("theirs", 0, node="n2")
    room.enter("ours", 1)
    room.sit("anna", 0)
    room.sit("ben", 1)
    plan = decide(room.world, T + 2, lambda *_: True)
    assert plan == [
        Offer(ContactId("theirs"), AgentId("anna"), "n2", False),
        Offer(ContactId("ours"), AgentId("ben"), "n1", False),
    ]


# ---------------------------------------------------------------- overflow

NOON = datetime.fromtimestamp(T, UTC)


def ticket(**more: object) -> Ticket:
    return Ticket(contact_id=ContactId("one"), queue="sales", score=0, node="n1", queued_s=T, sent_s=T, **more)  # type: ignore[arg-type]


def rules(*overflow: dict[str, object], **more: object):
    return RuleBook([QueueSettings(id="sales", name="Sales", overflow=overflow, **more)]).of("sales")  # type: ignore[arg-type]


def test_outside_the_hours_contacts_go_where_the_queue_says():
    night = rules(opening="mon 18:00-19:00", when_closed="callback")
    assert on_entry(ticket(), night, NOON, 1) == Leave("callback", ExitReason.CLOSED)
    assert on_entry(ticket(), rules(opening="mon 09:00-10:00"), NOON, 1) is None


def test_a_closed_queue_that_leads_back_where_a_contact_came_from_is_closed():
    night = rules(opening="mon 18:00-19:00", when_closed="support")
    assert on_entry(ticket(visited=("support",)), night, NOON, 1) == Leave("closed", ExitReason.CLOSED)


def test_overflow_by_position_is_for_who_would_be_behind_it():
    full = rules({"when": "position", "position": 3, "to": "support"})
    assert on_entry(ticket(), full, NOON, 3) is None
    assert on_entry(ticket(), full, NOON, 4) == Leave("support", ExitReason.FULL)
    assert while_waiting(ticket(), full, T + 9999, staffed=False) is None, "who is in stays in"


def test_overflow_after_a_wait_and_when_nobody_is_logged_on():
    slow = rules({"when": "no_agent", "after": "10s", "to": "closed"}, {"when": "wait", "after": "5m", "to": "support"})
    assert while_waiting(ticket(), slow, T + 9, staffed=False) is None
    assert while_waiting(ticket(), slow, T + 10, staffed=False) == Leave("closed", ExitReason.EMPTY)
    assert while_waiting(ticket(), slow, T + 299, staffed=True) is None
    assert while_waiting(ticket(), slow, T + 300, staffed=True) == Leave("support", ExitReason.TIMEOUT)
    assert while_waiting(ticket(visited=("support",)), slow, T + 300, staffed=True) is None, "no circle"


def test_a_queue_is_staffed_by_anybody_logged_on_ready_or_not():
    room = Room()
    assert not staffed(room.world, "sales")
    room.sit("anna", None, state="not_ready")
    assert staffed(room.world, "sales")
    room.world.drop_seat(AgentId("anna"))
    assert not staffed(room.world, "sales")


# ---------------------------------------------------------------- ringing at all


def rings_at_all(**fields: object) -> Room:
    room = Room(strategy="ring_all", **fields)
    for name, idle_since_s in (("late", 3), ("first", 0), ("second", 1), ("third", 2)):
        room.sit(name, idle_since_s)
    return room


def planned(room: Room, at_s: float = 10) -> dict[str, tuple[str, ...]]:
    return {each.contact_id: each.agents for each in decide(room.world, T + at_s, lambda *_: True)}


def test_it_rings_at_all_of_them_by_the_order_of_the_queue():
    room = rings_at_all()
    room.enter("one")
    room.enter("two", 1)
    assert planned(room) == {"one": ("first", "second", "third", "late")}


def test_it_rings_at_so_many_at_most_and_the_next_contact_at_who_is_left():
    room = rings_at_all(ring_at_most=3)
    for number, name in enumerate(("one", "two", "three")):
        room.enter(name, number)
    assert planned(room) == {"one": ("first", "second", "third"), "two": ("late",)}


def test_who_becomes_ready_joins_as_long_as_there_is_room():
    room = rings_at_all(ring_at_most=3)
    room.enter("one")
    third, first, second = (
        Hold(agent_id=AgentId(each), offer_id=OfferId(each)) for each in ("third", "first", "second")
    )
    room.world.ring(ContactId("one"), (third,), T)
    assert planned(room) == {"one": ("first", "second")}
    room.world.ring(ContactId("one"), (first, second), T)
    assert planned(room) == {}, "and nobody beyond it"


def test_a_contact_whose_customer_is_gone_for_a_moment_rings_at_nobody_more():
    room = rings_at_all()
    room.enter("one", offerable=False)
    room.world.ring(ContactId("one"), (Hold(agent_id=AgentId("first"), offer_id=OfferId("of")),), T)
    assert planned(room) == {}


def test_a_preferred_agent_rings_alone_and_skills_are_asked_for():
    room = rings_at_all(preferred_agent_for="30s", skills={"french": 5}, relax=[{"after": "60s", "by": 10}])
    room.sit("paul", 9, skills={"french": 7})
    room.sit("pia", 8, skills={"french": 5})
    room.enter("one", preferred=AgentId("paul"))
    assert planned(room, 10) == {"one": ("paul",)}
    assert planned(room, 31) == {"one": ("paul", "pia")}
    assert len(planned(room, 61)["one"]) == 6


def test_the_turn_of_a_callback_is_one_agents():
    room = rings_at_all()
    room.enter("one", callback=True)
    room.enter("two", 1)
    assert planned(room) == {"one": ("first",), "two": ("second", "third", "late")}
