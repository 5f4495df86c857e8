"""What is said of a recording when both passes are done: tracks against expectations, chapters, tags."""

from media.port import TELEPHONE
from media.recording.captures import Part
from media.recording.chapters import Event, chapters, iso_639_2
from media.recording.coverage import Interval, completeness, merged, without
from media.recording.expected import Expected
from media.recording.losses import DISK_DAMAGE, DISK_SLOW, MEDIA_PROCESS, Cause, missing
from media.recording.manifest import CaptureReport, ChapterReport, FileReport, Manifest, MarkReport, TrackReport
from media.recording.matroska import About
from media.recording.mux import SLOTS, Muxer, Side
from media.recording.reader import Ending
from media.recording.survey import KINDS, Survey


class Summary:
    """Made when everything was written but the heads."""

    def __init__(self, found: Survey, muxer: Muxer, expected: Expected) -> None:
        self._found = found
        self._muxer = muxer
        self._expected = expected
        self._parts = sorted(found.parts, key=lambda part: part.first_at_s or 0.0)
        self.truncated_reason = self._truncated_reason()
        self._causes = self._all_causes()
        self._chapters = chapters(self._events(), muxer.end_s - muxer.zero_s, expected.language)

    def about(self) -> About:
        """For the heads of the files."""
        return About(
            title=f"Recording {self._found.recording_id}",
            language=self._expected.language,
            language_639_2=iso_639_2(self._expected.language),
            tags=(("RECORDING_ID", self._found.recording_id),),
            chapters=tuple(
                (round(chapter.start_s * 1000), round(chapter.end_s * 1000), chapter.title)
                for chapter in self._chapters
            ),
        )

    def manifest(self, whole: FileReport | None, views: dict[str, FileReport]) -> Manifest:
        found, muxer = self._found, self._muxer
        tracks = self._tracks()
        measured = [track.completeness for track in tracks if track.expected_s > 0]
        return Manifest(
            recording_id=found.recording_id,
            file=whole.file if whole else None,
            container=whole.container if whole else "",
            sha256=whole.sha256 if whole else "",
            size_bytes=whole.size_bytes if whole else 0,
            duration_s=round(muxer.end_s - muxer.zero_s, 3),
            started_at_s=round(muxer.zero_s, 3),
            tracks=tracks,
            completeness=min(measured, default=1.0 if tracks else 0.0),
            incomplete=any(track.incomplete for track in tracks),
            truncated=bool(self.truncated_reason),
            truncated_reason=self.truncated_reason,
            marks=[
                MarkReport(name=mark.name, detail=mark.detail, at_s=self._file_s(mark.at_s)) for mark in found.marks
            ],
            chapters=[
                ChapterReport(
                    from_s=round(each.start_s, 3), to_s=round(each.end_s, 3), kind=each.kind, title=each.title
                )
                for each in self._chapters
            ],
            views=views,
            captures=[self._capture(part) for part in found.parts],
            dropped_packets=found.dropped_packets,
            ignored_packets=found.ignored_packets,
        )

    def _file_s(self, time_s: float) -> float:
        return round(time_s - self._muxer.zero_s, 3)

    # ------------------------------------------------------------ what happened

    def _truncated_reason(self) -> str:
        if self._expected.truncated_reason:
            return self._expected.truncated_reason
        if self._found.failure:
            return self._found.failure
        if self._found.ending is Ending.CLEAN:
            return ""
        return "damaged" if self._found.ending is Ending.TORN else "interrupted"

    def _restarts(self) -> list[Interval]:
        """When no media process wrote: between the end of a capture and the beginning of the next."""
        out = []
        for before, after in zip(self._parts, self._parts[1:], strict=False):
            if before.last_at_s is not None and after.first_at_s is not None and after.first_at_s > before.last_at_s:
                out.append((before.last_at_s, after.first_at_s))
        return out

    def _all_causes(self) -> list[Cause]:
        out = [Cause(start_s, end_s, MEDIA_PROCESS) for start_s, end_s in self._restarts()]
        out += [Cause(start_s, end_s, DISK_SLOW) for start_s, end_s in self._found.drops]
        out += [Cause(start_s, end_s, DISK_DAMAGE) for part in self._parts for start_s, end_s in part.holes]
        if self.truncated_reason:
            out.append(Cause(self._found.last_at_s, float("inf"), self.truncated_reason))
        return out

    def _events(self) -> list[Event]:
        found = self._found
        out = [Event(mark.at_s, mark.name, mark.detail) for mark in found.marks]
        for start_s, end_s in self._restarts():
            out += [Event(start_s, "interrupted"), Event(end_s, "continued")]
        seen: set[str] = set()
        for at_s, role, _ in found.legs:
            if role in seen:
                out.append(Event(at_s, f"{role}_back"))
            seen.add(role)
        zero_s = self._muxer.zero_s
        return [Event(event.at_s - zero_s, event.name, event.detail) for event in out]

    # ------------------------------------------------------------ tracks

    def _tracks(self) -> list[TrackReport]:
        wanted = set(self._expected.intervals) | set(self._muxer.sides)
        order = {slot: index for index, slot in enumerate(SLOTS)}
        return [
            self._track(role, kind)
            for role, kind in sorted(wanted, key=lambda key: (order.get(key, len(order)), key))
            if kind in KINDS
        ]

    def _track(self, role: str, kind: str) -> TrackReport:
        """A telephone's packets are made in the process that writes them: what is not there, and for which the captures
        show no cause, was never said (on hold, muted, a line that sends no silence)."""
        side = self._muxer.sides.get((role, kind))
        coverage = side.coverage if side else None
        covered = coverage.intervals() if coverage else []
        expected = self._expected_intervals(role, kind)
        if role == TELEPHONE and covered:
            covered = merged([*covered, *without(expected, [(each.start_s, each.end_s) for each in self._causes])])
        expected_s, share = completeness(expected, covered)
        lacks = missing(expected, covered, self._causes)
        return TrackReport(
            role=role,
            kind=kind,
            codec="+".join(side.codecs) if side else "",
            packets=side.packets if side else 0,
            frames=coverage.frames if coverage else 0,
            duration_s=(
                round(coverage.end_s - coverage.first_s, 3) if coverage and coverage.first_s is not None else 0.0
            ),
            gaps=[[self._file_s(start), self._file_s(end)] for start, end in (coverage.gaps if coverage else [])],
            expected_s=round(expected_s, 3),
            completeness=round(share, 5),
            lost_packets=side.lost_packets if side else 0,
            damaged_frames=side.damaged_frames if side else 0,
            missing_s=round(lacks.total_s, 3),
            missing=[[self._file_s(start), self._file_s(end), cause] for start, end, cause in lacks.listed],
            incomplete=lacks.incomplete,
            timing=_timing(side),
            rotation_deg=side.rotations.chosen_deg if side else 0,
            rotations=[
                [self._file_s(start), self._file_s(end), degrees]
                for start, end, degrees in (side.rotations.intervals(side.coverage.end_s) if side else [])
            ],
        )

    def _expected_intervals(self, role: str, kind: str) -> list[Interval]:
        """From the owner where it said anything, else from first packet to last record. Never within a pause."""
        found = self._found
        if self._expected.given:
            intervals = self._expected.intervals.get((role, kind), [])
        elif found.first_at_s is not None:
            intervals = [(found.first_at_s, found.last_at_s)]
        else:
            intervals = []
        return without(intervals, found.pauses)

    def _capture(self, part: Part) -> CaptureReport:
        zero_s = self._muxer.zero_s
        return CaptureReport(
            file=part.file,
            ending=part.ending.value,
            packets=part.packets,
            damaged_bytes=part.damaged_bytes,
            holes=len(part.holes),
            from_s=self._file_s(part.first_at_s or zero_s),
            to_s=self._file_s(part.last_at_s or zero_s),
        )


def _timing(side: Side | None) -> str:
    if side is None or not side.packets:
        return ""
    return "sender_reports" if side.by_reports else "arrival"
