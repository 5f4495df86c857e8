"""One side watched: its own measurements decide, its page is believed of itself, and nobody pays for the other side."""

from gateway.parties import ReportQuality
from gateway.quality.judge import Cause, Verdict, Word
from gateway.quality.side import PASSED_ON_PERIODS, REPORT_LIFETIME_S, Around, Observed, SideWatch
from media.port import KindQuality, LegQuality

TALKING = Around(says=True, shows=True, hears=True, gets_pictures=True)


def way(speech: dict[str, float] | None = None, **camera: float | int | None) -> dict[str, KindQuality]:
    sound: dict[str, float | int] = {"bitrate_bps": 40_000, "loss": 0.0, "unrepaired": 0.0, "jitter_ms": 4.0}
    sound |= speech or {}
    picture = {"bitrate_bps": 900_000, "loss": 0.0, "unrepaired": 0.0, "jitter_ms": 6.0, "frames_per_s": 30.0} | camera
    return {"audio": KindQuality(**sound), "video": KindQuality(**picture)}  # type: ignore[arg-type]


def quality(
    up: dict[str, KindQuality] | None = None,
    down: dict[str, KindQuality] | None = None,
    *,
    round_trip_ms: float | None = 40.0,
    downlink_bps: int | None = 2_000_000,
) -> LegQuality:
    return LegQuality(
        leg_id="lg_1",
        at_s=0.0,
        period_s=2.0,
        uplink=way() if up is None else up,
        downlink=way() if down is None else down,
        round_trip_ms=round_trip_ms,
        downlink_bps=downlink_bps,
    )


class Side:
    """A watch with a clock of its own: each period is two seconds later."""

    def __init__(self) -> None:
        self.watch = SideWatch()
        self.now_s = 100.0

    def periods(
        self,
        count: int,
        what: LegQuality,
        *,
        around: Around = TALKING,
        other: SideWatch | None = None,
        page: int = -1,
        concealed: float | None = None,
    ) -> Verdict:
        """`page`: freezes that its page reports each time; below 0 it says nothing."""
        for _ in range(count):
            self.now_s += 2
            if page >= 0:
                self.watch.page_says(
                    ReportQuality(freezes=page, frames_per_s=24.0, concealed=concealed), self.now_s - 0.5
                )
            self.watch.measured(what, around, other, self.now_s)
        return self.watch.told


def test_a_clean_connection_is_good() -> None:
    assert Side().periods(10, quality()).word is Word.GOOD


def test_loss_on_the_way_up_is_the_uplink() -> None:
    told = Side().periods(3, quality(up=way(loss=0.2, unrepaired=0.1)))
    assert (told.word, told.cause) == (Word.POOR, Cause.UPLINK)


def test_loss_on_the_way_down_is_the_downlink() -> None:
    told = Side().periods(3, quality(down=way(loss=0.2, unrepaired=0.1)))
    assert (told.word, told.cause) == (Word.POOR, Cause.DOWNLINK)


def observed(what: LegQuality) -> Observed:
    return SideWatch().measured(what, TALKING, None, 102.0)


def test_a_receiver_that_says_nothing_has_no_opinion_of_its_sound() -> None:
    silent = observed(quality(down=way({"jitter_ms": None}, jitter_ms=None)))  # type: ignore[dict-item]
    assert silent.mos_downlink is None
    assert silent.mos_uplink is not None
    assert observed(quality()).mos_downlink is not None


def test_a_receiver_that_says_nothing_has_no_loss_to_be_told_or_kept() -> None:
    """A share of 0 would be a perfect downlink. What it asks for again is told without its reports; our own count of
    what comes needs nobody's."""
    mute = {"jitter_ms": None}
    silent = Side()
    silent.periods(3, quality(down=way(mute, jitter_ms=None)))  # type: ignore[arg-type]
    figures, kept = silent.watch.figures(), silent.watch.end(silent.now_s)
    assert figures is not None
    assert kept is not None
    assert (figures.uplink_loss, figures.downlink_loss) == (0.0, None)
    assert kept["uplink_loss_median"] == 0.0
    assert [name for name in kept if name.startswith("downlink_")] == [
        "downlink_freezes",
        "downlink_bps_min",
        "downlink_bps_median",
        "downlink_bps_p95",
    ]
    asking = Side()
    asking.periods(3, quality(down=way(mute, jitter_ms=None, loss=0.04)))  # type: ignore[arg-type]
    asking.periods(2, quality(down=way(mute, jitter_ms=None)))  # type: ignore[arg-type]
    kept = asking.watch.end(asking.now_s)
    assert kept is not None
    assert (kept["downlink_loss_min"], kept["downlink_loss_p95"]) == (0.04, 0.04)


def test_what_does_not_flow_lowers_no_loss() -> None:
    """A camera that is off beside sound that loses, and then nothing at all."""
    side = Side()
    off = quality(up=way({"loss": 0.1}, bitrate_bps=0), down={})
    side.periods(3, off)
    side.periods(5, quality(up=way({"bitrate_bps": 0}, bitrate_bps=0), down={}), around=Around())
    figures, kept = side.watch.figures(), side.watch.end(side.now_s)
    assert figures is not None
    assert kept is not None
    assert (figures.uplink_loss, figures.downlink_loss) == (None, None)
    assert (kept["uplink_loss_min"], kept["uplink_loss_p95"]) == (0.1, 0.1)


def test_a_camera_that_is_off_loses_nothing() -> None:
    off = Around(says=True, shows=False, gets_pictures=False)
    told = Side().periods(5, quality(up=way(bitrate_bps=0, frames_per_s=0.0, loss=1.0, unrepaired=1.0)), around=off)
    assert told.word is Word.GOOD


def test_nothing_at_all_from_somebody_who_speaks_is_lost() -> None:
    nothing = {"audio": KindQuality(bitrate_bps=0, loss=0.0, unrepaired=0.0)}
    assert Side().periods(2, quality(up=nothing)).word is Word.LOST
    silent = Around(says=False, shows=False)
    assert Side().periods(5, quality(up=nothing), around=silent).word is Word.GOOD


def test_freezes_a_page_counts_are_its_downlink() -> None:
    told = Side().periods(3, quality(), page=3)
    assert (told.word, told.cause) == (Word.POOR, Cause.DOWNLINK)


def test_freezes_of_a_picture_that_came_broken_are_not_the_viewers() -> None:
    sender = Side()
    sender.periods(3, quality(up=way(loss=0.2, unrepaired=0.1)))
    assert Side().periods(5, quality(), page=3, other=sender.watch).word is Word.GOOD


def test_what_the_sender_lost_is_not_the_listeners_downlink() -> None:
    sender = Side()
    sender.periods(3, quality(up=way(loss=0.25, unrepaired=0.1)))
    inherited = quality(down=way(loss=0.1, unrepaired=0.1))
    assert Side().periods(5, inherited, other=sender.watch).word is Word.GOOD
    assert Side().periods(5, inherited).cause is Cause.DOWNLINK
    assert Side().periods(5, quality(down=way(loss=0.3, unrepaired=0.3)), other=sender.watch).cause is Cause.DOWNLINK


def test_sound_that_came_in_pieces_is_not_the_listeners_downlink() -> None:
    sender, shaken, sound = Side(), Side(), Side()
    sender.periods(3, quality(up=way({"loss": 0.25, "unrepaired": 0.25})))
    shaken.periods(3, quality(up=way({"jitter_ms": 90.0})))
    sound.periods(3, quality())
    assert Side().periods(5, quality(), page=0, concealed=0.3, other=sender.watch).word is Word.GOOD
    assert Side().periods(5, quality(), page=0, concealed=0.3, other=shaken.watch).word is Word.GOOD
    assert Side().periods(5, quality(), page=0, concealed=0.3, other=sound.watch).cause is Cause.DOWNLINK


def test_what_the_sender_lost_is_reported_by_the_listener_some_seconds_later() -> None:
    sender = Side()
    sender.periods(2, quality(up=way({"loss": 0.25, "unrepaired": 0.25})))
    later = quality(down=way({"loss": 0.2, "unrepaired": 0.2}))
    sender.periods(PASSED_ON_PERIODS - 1, quality())
    assert Side().periods(3, later, other=sender.watch).word is Word.GOOD
    sender.periods(1, quality())
    assert Side().periods(3, later, other=sender.watch).cause is Cause.DOWNLINK


def test_jitter_of_the_senders_way_up_is_not_the_listeners() -> None:
    sender = Side()
    sender.periods(3, quality(up=way({"jitter_ms": 160.0})))
    both = quality(down=way({"jitter_ms": 170.0}))
    assert Side().periods(5, both, other=sender.watch).word is Word.GOOD
    assert Side().periods(5, both).cause is Cause.DOWNLINK


def test_who_hears_a_clip_pays_for_it_alone() -> None:
    sender = Side()
    sender.periods(3, quality(up=way({"loss": 0.25, "unrepaired": 0.25})))
    held = Around(says=True, shows=True)
    told = Side().periods(5, quality(), page=0, concealed=0.3, other=sender.watch, around=held)
    assert told.cause is Cause.DOWNLINK


def test_who_hears_somebody_come_back_is_not_blamed_for_the_gap() -> None:
    sender = Side()
    sender.periods(5, quality())
    sender.watch.lose(sender.now_s)
    sender.watch.begin(sender.now_s + 7)
    assert Side().periods(3, quality(), page=0, concealed=0.6, other=sender.watch).word is Word.GOOD
    sender.periods(PASSED_ON_PERIODS, quality())
    assert Side().periods(3, quality(), page=0, concealed=0.6, other=sender.watch).cause is Cause.DOWNLINK


def test_reports_that_come_too_often_are_not_looked_at() -> None:
    side = Side()
    report = ReportQuality(freezes=1, frames_per_s=24.0)
    assert [side.watch.page_says(report, 10.0 + number / 10) for number in range(21)].count(True) == 3


def test_a_page_that_fell_silent_says_nothing_any_more() -> None:
    side = Side()
    side.watch.page_says(ReportQuality(freezes=0, concealed=0.5), side.now_s)
    side.now_s += REPORT_LIFETIME_S
    assert side.periods(4, quality()).word is Word.GOOD


def test_a_camera_that_stands_still_is_the_device() -> None:
    told = Side().periods(3, quality(up=way(frames_per_s=0.0)), page=0)
    assert (told.word, told.cause) == (Word.POOR, Cause.DEVICE)


def test_few_pictures_are_nobodys_fault_where_the_viewer_can_take_no_more() -> None:
    viewer = Side()
    viewer.periods(1, quality(downlink_bps=100_000))
    assert Side().periods(5, quality(up=way(frames_per_s=3.0)), page=0, other=viewer.watch).word is Word.GOOD


def test_a_paused_picture_is_the_downlink_until_it_is_back() -> None:
    side = Side()
    side.watch.video_paused(True)
    assert side.periods(2, quality()).cause is Cause.DOWNLINK
    side.watch.video_paused(False)
    assert side.periods(5, quality()).word is Word.GOOD


def test_a_lost_leg_is_told_at_once_and_its_seconds_are_counted() -> None:
    side = Side()
    side.periods(5, quality())
    side.watch.lose(side.now_s)
    assert side.watch.told.word is Word.LOST
    side.watch.begin(side.now_s + 7)
    assert side.watch.told.word is Word.GOOD
    data = side.watch.end(side.now_s + 7)
    assert data is not None
    assert (data["good_s"], data["lost_s"]) == (10.0, 7.0)
    assert side.watch.end(side.now_s + 7) is None


def test_the_numbers_are_of_the_last_period() -> None:
    side = Side()
    assert side.watch.figures() is None
    side.watch.page_says(ReportQuality(freezes=0, sent_width=1280, sent_height=720), side.now_s)
    side.periods(1, quality(up=way(loss=0.03), round_trip_ms=80.0))
    figures = side.watch.figures()
    assert figures is not None
    assert (figures.round_trip_ms, figures.uplink_loss, figures.uplink_bps) == (80.0, 0.03, 940_000)
    assert (figures.width, figures.height, figures.frames_per_s) == (1280, 720, 30.0)
    assert figures.mos is not None
