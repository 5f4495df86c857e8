"""How a contact's connections are told: to both sides, to the board, into the journal, and to the metrics."""

from gateway.contacts.legwork import MAX_RENEWALS
from gateway.parties import BoardShown, HangUp, LegChanged, QualityChanged, ReportMedia, ReportQuality
from media.port import KindQuality, LegQuality, LegVideoPaused, LegVideoResumed, LegVideoUnmatched
from tests.support.desk_rig import Agent, Customer, DeskRig, Person

SEEN = ReportMedia(audio=True, video=True, screen=False)


def period(person: Person, *, uplink_loss: float = 0.0, downlink_loss: float = 0.0) -> LegQuality:
    def way(loss: float) -> dict[str, KindQuality]:
        sound = KindQuality(bitrate_bps=40_000, loss=0.0, unrepaired=0.0, jitter_ms=4.0)
        camera = KindQuality(bitrate_bps=900_000, loss=loss, unrepaired=loss / 2, jitter_ms=6.0, frames_per_s=30.0)
        return {"audio": sound, "video": camera}

    return LegQuality(
        leg_id=person.leg.leg_id,
        at_s=0.0,
        period_s=2.0,
        uplink=way(uplink_loss),
        downlink=way(downlink_loss),
        round_trip_ms=50.0,
        downlink_bps=1_500_000,
    )


async def run(rig: DeskRig, periods: int, people: list[tuple[Person, float]]) -> None:
    """Time passes, two seconds at a time; each person with the share their uplink loses."""
    for _ in range(periods):
        await rig.run(2)
        for person, loss in people:
            rig.media.emit(period(person, uplink_loss=loss))
        await rig.rest()


async def call(rig: DeskRig) -> tuple[Customer, Agent]:
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.answer()
    for person in (maria, anna):
        await person.ask(SEEN)
    return maria, anna


async def test_nothing_is_said_to_a_customer_while_it_is_good(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 10, [(maria, 0.0), (anna, 0.0)])
    assert maria.all(QualityChanged) == []
    assert {notice.own.word for notice in anna.all(QualityChanged)} == {"good"}


async def test_both_sides_are_told_whose_upload_is_weak(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 5, [(maria, 0.2), (anna, 0.0)])
    told = maria.last(QualityChanged)
    assert (told.own.word, told.own.cause) == ("poor", "uplink")
    assert (told.peer.word if told.peer else None) == "good"
    assert told.own.figures is None
    seen = anna.last(QualityChanged)
    assert seen.own.word == "good"
    assert seen.peer is not None
    assert (seen.peer.word, seen.peer.cause) == ("poor", "uplink")
    assert seen.peer.figures is not None
    assert seen.peer.figures.uplink_loss == 0.2


async def test_recovery_takes_it_back(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 5, [(maria, 0.2), (anna, 0.0)])
    await run(rig, 6, [(maria, 0.0), (anna, 0.0)])
    assert maria.last(QualityChanged).own.word == "good"
    seen = anna.last(QualityChanged).peer
    assert seen is not None
    assert seen.word == "good"
    words = [event.data["quality"] for event in maria.events if event.name == "quality_changed"]
    assert words == ["poor", "good"]


async def test_the_board_shows_the_worse_side_and_why(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 5, [(maria, 0.06), (anna, 0.2)])
    board = rig.desk.board()
    assert isinstance(board, BoardShown)
    assert (board.contacts[0].quality, board.contacts[0].cause) == ("poor", "agent_uplink")


async def test_each_leg_leaves_one_summary_before_the_contact_closes(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 10, [(maria, 0.06), (anna, 0.0)])
    await maria.connect()
    await run(rig, 5, [(maria, 0.0), (anna, 0.0)])
    await maria.ask(HangUp())
    summaries = [event for event in maria.events if event.name == "leg_quality"]
    assert [(event.data["side"], event.data["generation"]) for event in summaries] == [
        ("customer", 1),
        ("customer", 2),
        ("agent", 1),
    ]
    assert summaries[0].data["seconds"] == 20.0
    assert summaries[0].data["uplink_loss_median"] == 0.06
    await anna.wrap_up()
    assert maria.events[-1].name == "closed"


async def test_a_lost_leg_is_told_at_once(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 3, [(maria, 0.0), (anna, 0.0)])
    rig.media.silence(maria.leg.leg_id)
    await rig.rest()
    seen = anna.last(QualityChanged).peer
    assert seen is not None
    assert seen.word == "lost"
    assert rig.desk.board().contacts[0].quality == "lost"
    rig.media.hear(maria.leg.leg_id)
    await rig.rest()
    back = anna.last(QualityChanged).peer
    assert back is not None
    assert back.word == "good"


async def test_a_picture_paused_for_want_of_room_is_the_downlink(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.emit(LegVideoPaused(leg_id=maria.leg.leg_id, downlink_bps=60_000, at_s=0.0))
    await run(rig, 3, [(maria, 0.0), (anna, 0.0)])
    assert (maria.last(QualityChanged).own.word, maria.last(QualityChanged).own.cause) == ("poor", "downlink")


async def test_a_pause_of_the_picture_is_told_to_both_sides_and_written_down_once(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    for _ in range(2):
        rig.media.emit(LegVideoPaused(leg_id=maria.leg.leg_id, downlink_bps=60_000, at_s=0.0))
    await rig.rest()
    told = anna.last(QualityChanged)
    assert maria.last(QualityChanged).own.pictures_paused
    assert told.peer is not None
    assert told.peer.pictures_paused
    assert not told.own.pictures_paused
    rig.media.emit(LegVideoResumed(leg_id=maria.leg.leg_id, downlink_bps=900_000, at_s=0.0))
    await rig.rest()
    assert not maria.last(QualityChanged).own.pictures_paused
    written = [(event.name, event.data) for event in maria.events if event.name.startswith("video_")]
    assert written == [
        ("video_paused", {"side": "customer", "downlink_bps": 60_000}),
        ("video_resumed", {"side": "customer", "downlink_bps": 900_000}),
    ]


async def test_what_pages_report_is_heard_of_their_own_side_only(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    for _ in range(5):
        await maria.ask(ReportQuality(freezes=5, concealed=1.0))
        await run(rig, 1, [(maria, 0.0), (anna, 0.0)])
    assert maria.last(QualityChanged).own.cause == "downlink"
    assert anna.last(QualityChanged).own.word == "good"


async def test_a_late_loop_is_our_fault(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.lag_s = 0.4
    for _ in range(5):
        await maria.ask(ReportQuality(freezes=3))
        await run(rig, 1, [(maria, 0.0), (anna, 0.0)])
    assert maria.last(QualityChanged).own.cause == "gateway"


async def test_a_reloaded_page_is_told_again(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 5, [(maria, 0.2), (anna, 0.0)])
    view = await rig.desk.customer_view(maria.contact_id)
    assert [notice.own.word for notice in view if isinstance(notice, QualityChanged)] == ["poor"]
    panel = await rig.desk.agent_view(anna.agent_id)
    assert [notice.peer.word for notice in panel if isinstance(notice, QualityChanged) and notice.peer] == ["poor"]


async def test_changes_in_the_journal_are_bounded(rig: DeskRig) -> None:
    maria, _anna = await call(rig)
    for _ in range(70):
        rig.media.silence(maria.leg.leg_id)
        await rig.rest()
        rig.media.hear(maria.leg.leg_id)
        await run(rig, 1, [(maria, 0.0)])
    assert sum(event.name == "quality_changed" for event in maria.events) == 60


async def test_every_period_of_both_sides_is_counted(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await run(rig, 3, [(maria, 0.0), (anna, 0.0)])
    assert [side for side, _ in rig.seen.periods] == ["customer", "agent"] * 3


async def test_a_period_of_a_replaced_leg_says_nothing(rig: DeskRig) -> None:
    maria, _anna = await call(rig)
    old = period(maria, uplink_loss=0.3)
    await maria.connect()
    for _ in range(5):
        rig.media.emit(old)
        await rig.rest()
    assert maria.all(QualityChanged) == []
    assert [side for side, _ in rig.seen.periods] == []


def unmatched(listener: Person, source: Person, *, in_common: bool = False) -> LegVideoUnmatched:
    return LegVideoUnmatched(
        leg_id=listener.leg.leg_id, source_leg_id=source.leg.leg_id, codec="VP8", in_common=in_common, at_s=0.0
    )


async def test_pictures_that_cannot_be_shown_are_told_to_both_sides_and_written_down_once(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    for _ in range(2):
        rig.media.emit(unmatched(maria, anna))
        await rig.rest()
    told, peer = maria.last(QualityChanged), anna.last(QualityChanged).peer
    assert told.own.pictures_unmatched
    assert told.peer is None or not told.peer.pictures_unmatched
    assert peer is not None
    assert peer.pictures_unmatched
    assert not anna.last(QualityChanged).own.pictures_unmatched
    written = [(event.name, event.data) for event in maria.events if event.name == "video_unmatched"]
    assert written == [("video_unmatched", {"side": "customer", "codec": "VP8"})]
    assert [event.state for event in (*maria.all(LegChanged), *anna.all(LegChanged)) if event.state == "failed"] == []


async def test_a_new_leg_of_either_side_takes_it_back_until_it_is_told_again(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    for person in (anna, maria):
        rig.media.emit(unmatched(maria, anna))
        await rig.rest()
        assert maria.last(QualityChanged).own.pictures_unmatched
        await person.connect()
        await rig.rest()
        assert not maria.last(QualityChanged).own.pictures_unmatched


async def test_what_is_told_of_a_leg_that_is_gone_changes_nothing(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    late = unmatched(maria, anna, in_common=True)
    await anna.connect()
    told = len(maria.all(QualityChanged))
    rig.media.emit(late)
    await rig.rest()
    assert len(maria.all(QualityChanged)) == told
    assert [event for event in maria.events if event.name == "video_unmatched"] == []
    assert [notice for notice in anna.all(LegChanged) if notice.state == "failed"] == []


async def test_a_source_that_could_fit_is_asked_for_its_next_generation_once(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    for _ in range(3):
        rig.media.emit(unmatched(anna, maria, in_common=True))
        await rig.rest()
    asked = [notice for notice in maria.all(LegChanged) if notice.state == "failed"]
    assert [notice.generation for notice in asked] == [1]
    await maria.connect()
    assert maria.last(LegChanged).state == "connected"
    rig.media.emit(unmatched(anna, maria, in_common=True))
    await rig.rest()
    assert len([notice for notice in maria.all(LegChanged) if notice.state == "failed"]) == 1
    assert anna.last(QualityChanged).own.pictures_unmatched


async def test_generations_asked_for_are_bounded(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    for _ in range(MAX_RENEWALS + 3):
        rig.media.emit(unmatched(anna, maria, in_common=True))
        await rig.rest()
        await anna.connect()
    assert len([notice for notice in maria.all(LegChanged) if notice.state == "failed"]) == MAX_RENEWALS
