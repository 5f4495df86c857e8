"""Which trunk the next call takes: priority, room, health, and a rest for those that fail."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.sip.trunks import BREAKER_FAILURES, BREAKER_FIRST_S, PROBES_MISSED, NoTrunk, Trunks
from gateway.config.acd_sip import SipTrunkSettings


def trunk(name: str, **fields: object) -> SipTrunkSettings:
    return SipTrunkSettings.model_validate({"name": name, "domain": "pbx.example", **fields})


def trunks() -> Trunks:
    return Trunks([trunk("a", capacity=2), trunk("b", capacity=1, priority=2)])


def test_the_lower_priority_is_used_first_until_it_is_full() -> None:
    one = trunks()
    assert [one.take(0), one.take(0), one.take(0), one.take(0)] == ["a", "a", "b", NoTrunk.FULL]
    assert one.refusal(0) is NoTrunk.FULL
    one.free("a")
    assert one.refusal(0) is None
    assert one.take(0) == "a"


def test_equal_trunks_share_the_calls_by_their_capacity() -> None:
    one = Trunks([trunk("a", capacity=10), trunk("b", capacity=20)])
    taken = [one.take(0) for _ in range(15)]
    assert (taken.count("a"), taken.count("b")) == (5, 10)


def test_a_trunk_that_was_tried_is_not_taken_again() -> None:
    one = trunks()
    assert one.take(0, {"a"}) == "b"
    assert one.take(0, {"a", "b"}) is NoTrunk.NONE_LEFT


def test_a_trunk_that_fails_by_its_own_fault_rests_and_is_tried_once() -> None:
    one = Trunks([trunk("a")])
    for _ in range(BREAKER_FAILURES):
        assert one.take(0) == "a"
        one.settle("a", 0, sick=True)
        one.free("a")
    assert one.take(0) is NoTrunk.DOWN
    assert one.take(BREAKER_FIRST_S) == "a"
    assert one.take(BREAKER_FIRST_S) is NoTrunk.DOWN  # one is being tried
    one.settle("a", BREAKER_FIRST_S, sick=False)
    assert one.take(BREAKER_FIRST_S) == "a"


def test_a_try_that_was_cancelled_lets_the_next_one_try() -> None:
    one = Trunks([trunk("a")])
    for _ in range(BREAKER_FAILURES):
        one.settle("a", 0, sick=True)
    assert one.take(BREAKER_FIRST_S) == "a"
    one.settle("a", BREAKER_FIRST_S, sick=None)
    one.free("a")
    assert one.take(BREAKER_FIRST_S) == "a"


def test_unanswered_probes_take_a_trunk_out_and_an_answer_brings_it_back() -> None:
    one = trunks()
    for _ in range(PROBES_MISSED):
        assert one.reachable("a")
        one.probed("a", reachable=False, status=0)
    assert not one.reachable("a")
    assert one.take(0) == "b"
    one.probed("a", reachable=True, status=404)  # somebody is there
    assert one.take(0) == "a"


def test_a_probe_answered_503_is_a_missed_one() -> None:
    one = trunks()
    for _ in range(PROBES_MISSED):
        one.probed("a", reachable=True, status=503)
    assert not one.reachable("a")


def test_a_missed_probe_is_repeated_soon_and_then_ever_later() -> None:
    one = trunks()
    waits = [one.probed("a", reachable=False, status=0) for _ in range(8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert one.probed("a", reachable=True, status=200) == 30


def test_when_all_are_down_that_is_said() -> None:
    one = trunks()
    for name in ("a", "b"):
        for _ in range(PROBES_MISSED):
            one.probed(name, reachable=False, status=0)
    assert one.take(0) is NoTrunk.DOWN
    assert one.refusal(0) is NoTrunk.DOWN


@given(
    st.lists(st.tuples(st.sampled_from(["take", "free", "sick", "well", "gave_up", "miss", "hit"]), st.integers(0, 9)))
)
def test_no_trunk_ever_carries_more_than_it_can(steps: list[tuple[str, int]]) -> None:
    one = trunks()
    carried: list[str] = []
    for now, (step, which) in enumerate(steps):
        name = ("a", "b")[which % 2]
        match step:
            case "take":
                taken = one.take(now)
                if not isinstance(taken, NoTrunk):
                    carried.append(taken)
            case "free" if carried:
                one.free(carried.pop(which % len(carried)))
            case "sick" | "well" | "gave_up":
                one.settle(name, now, sick={"sick": True, "well": False, "gave_up": None}[step])
            case "miss" | "hit":
                one.probed(name, reachable=step == "hit", status=200)
        health = {each.name: each for each in one.health(now)}
        for each in ("a", "b"):
            assert health[each].calls == carried.count(each) <= health[each].capacity
    assert {each.name for each in one.health(0)} == {"a", "b"}
