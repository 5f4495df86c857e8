"""When missing packets are asked for."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from media.forward.incoming import LEAST_HEEDED_S, MAX_KEY_FRAME_INTERVAL_S, RECORDED_INTERVAL_S, Recorder
from media.forward.missing import GIVE_UP_S, MAX_MISSING, SHARE, STOCK, TRIES, MissingPackets
from media.port import Kind
from tests.unit.media.forward.rig import NOW_S, VP8_DELTA, VP8_KEY, Rig, video


def test_a_repetition_is_waited_for_as_long_as_repetitions_take() -> None:
    missing = MissingPackets()
    missing.miss(10, 11, NOW_S)
    assert missing.overdue(NOW_S, 0.04, 0)[0] == [10]
    assert missing.found(10, NOW_S + 0.4)  # the way has a queue that the round trip does not know of yet
    missing.miss(11, 12, NOW_S + 1)
    assert missing.overdue(NOW_S + 1, 0.04, 0)[0] == [11]
    assert missing.overdue(NOW_S + 1.45, 0.04, 0)[0] == []
    assert missing.overdue(NOW_S + 1.49, 0.04, 0)[0] == [11]


def test_each_time_is_waited_longer_and_the_last_is_given_up() -> None:
    missing = MissingPackets()
    missing.miss(10, 11, NOW_S)
    asked = [step for step in range(200) if missing.overdue(NOW_S + step * 0.01, 0.04, 0)[0]]
    waits = [b - a for a, b in itertools.pairwise(asked)]
    assert 3 <= len(asked) <= TRIES
    assert all(later > earlier for earlier, later in itertools.pairwise(waits))
    assert asked[-1] * 0.01 <= GIVE_UP_S
    assert len(missing) == 0


def test_questions_stay_a_share_of_what_comes() -> None:
    missing = MissingPackets()
    asked = 0
    for second in range(20):
        missing.miss(second * 100, second * 100 + 60, NOW_S + second)
        for step in range(10):
            asked += len(missing.overdue(NOW_S + second + step / 10, 0.05, second * 40)[0])
    assert asked <= STOCK + SHARE * 20 * 40


def test_the_loss_of_a_bad_network_is_asked_for_whole() -> None:
    """15 % lost, 150 packets a second, each repetition lost again as often."""
    missing = MissingPackets()
    asked: set[int] = set()
    for tick in range(2000):
        number = tick * 3
        missing.miss(number, number + 1, NOW_S + tick * 0.02) if tick % 2 == 0 else None
        for sequence in missing.overdue(NOW_S + tick * 0.02, 0.05, tick * 3)[0]:
            if sequence % 7:
                missing.found(sequence, NOW_S + tick * 0.02 + 0.05)
            asked.add(sequence)
    assert len(asked) >= 0.98 * 1000


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1), st.floats(0, 3)), max_size=60))
def test_whatever_is_missing_the_list_is_bounded(steps: list[tuple[int, float, float]]) -> None:
    missing, number, now_s = MissingPackets(), 0x10000, NOW_S
    for count, elapsed_s, round_trip_s in steps:
        now_s += elapsed_s
        missing.miss(number, number + count, now_s)
        number += count
        asked, _ = missing.overdue(now_s, round_trip_s, number)
        assert len(asked) <= STOCK
        assert len(missing) <= MAX_MISSING


def test_key_frames_that_never_help_are_asked_for_less_and_less_often() -> None:
    rig = Rig()
    a, _, _, _ = rig.bridge()
    rig.receive(a, video(1, 0, VP8_KEY))
    track = a.incoming[Kind.VIDEO]
    rig.loop.advance(10)
    before = track.key_frames_requested
    for _ in range(600):
        track.request_key_frame(rig.loop.wall())
        rig.loop.advance(0.1)
    assert 60 / MAX_KEY_FRAME_INTERVAL_S - 1 <= track.key_frames_requested - before <= 22
    begun = track.key_frames_requested
    rig.loop.advance(1.0)
    track.request_key_frame(rig.loop.wall(), anew=True)
    assert track.key_frames_requested == begun + 1


def test_a_recording_that_begins_with_the_bridge_waits_half_a_second_for_its_key_frame_and_no_other_does() -> None:
    rig = Rig()
    a, _, _, _ = rig.bridge()
    rig.receive(a, video(1, 0, VP8_KEY))
    track = a.incoming[Kind.VIDEO]
    rig.loop.advance(10)
    track.request_key_frame(rig.loop.wall())
    begun = track.key_frames_requested
    track.request_key_frame(rig.loop.wall())
    rig.loop.advance(RECORDED_INTERVAL_S + 0.1)
    assert track.key_frames_requested == begun, "a receiver waits for a second"
    track.request_key_frame(rig.loop.wall(), recorded=True)
    assert track.key_frames_requested == begun + 1
    track.request_key_frame(rig.loop.wall(), recorded=True)
    rig.loop.advance(LEAST_HEEDED_S + 0.05)
    assert track.key_frames_requested == begun + 1, "a browser would pay no heed, were the first longer on its way"
    rig.loop.advance(0.1)
    assert track.key_frames_requested == begun + 2
    rig.loop.advance(10)
    assert track.key_frames_requested == begun + 2, "asked once"


def test_a_recording_asks_again_until_its_key_frame_has_come() -> None:
    """The question may be lost, and the browser's other listener has its picture: nobody else would ask."""
    rig = Rig()
    leg, _ = rig.leg("lg_a")
    track = leg.incoming[Kind.VIDEO]

    def pictures(first: int, payload: bytes = VP8_DELTA) -> None:
        for number in range(first, first + 150):
            rig.receive(leg, video(number, number * 3000, payload))
            rig.loop.advance(1 / 30)
            payload = VP8_DELTA

    pictures(0, VP8_KEY)
    leg.record(lambda kind: Recorder(lambda codec, ssrc: 0, lambda *_: None, lambda *_: None))
    begun = track.key_frames_requested
    track.request_key_frame(rig.loop.wall(), recorded=True)
    pictures(150)
    assert begun + 3 <= track.key_frames_requested <= begun + 6
    asked = track.key_frames_requested
    pictures(300, VP8_KEY)
    assert track.key_frames_requested == asked
    track.request_key_frame(rig.loop.wall(), recorded=True)
    rig.loop.advance(10)
    assert track.key_frames_requested == asked + 1, "a camera that is off is not asked for ever"
