"""What a canary run found: the JSON that monitoring reads, and when a call is called good."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from gateway.canary.media import Counts

RECEIVED_SHARE: Final = 0.95
"""Of what one side sent while both talked, the other must have received this share, but for the edge."""

EDGE_PACKETS: Final = 5
"""On their way, or not yet forwarded, at the two moments of counting."""

COMPLETENESS: Final = 0.99
TRACKS: Final = 4
TRACKS_WITH_TELEPHONE: Final = 5
"""In call mode: robots send sound too, and the telephone's voice is beside it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Step(_Part):
    name: str
    ms: int


class Side(_Part):
    video_frames: int = 0
    audio_packets: int = 0
    lost: int = 0


class RecordingReport(_Part):
    tracks: int
    duration_s: float
    completeness: float
    sha256: str


class VoiceReport(_Part):
    """Call mode: the id that the telephone showed and the agent claimed, and how long each heard the other's tone."""

    claimed: str
    customer_heard_s: float | None = None
    """Of the last 2 s of the talk; None, here and below: the call did not come so far."""
    phone_heard_s: float | None = None
    """Of the last 10 s of the call."""


class CallReport(_Part):
    """One robot call. `error` is one sentence, or None when all was well."""

    contact_id: str | None = None
    ok: bool = False
    error: str | None = None
    steps: list[Step] = []
    customer: Side = Side()
    agent: Side = Side()
    voice: VoiceReport | None = None
    recording: RecordingReport | None = None
    journal: list[str] = []


class CanaryReport(_Part):
    """The whole run. `error` says why there was no call at all."""

    ok: bool
    calls: list[CallReport]
    error: str | None = None


def side(counts: Counts) -> Side:
    return Side(video_frames=counts.video_frames, audio_packets=counts.audio_packets, lost=counts.lost)


def missing_media(who: str, received: Counts, sent: Counts, *, sound: bool = True) -> str | None:
    """What is wrong with what `who` received of what the other side `sent`; None when it is enough."""
    expected = [("video frames", received.video_frames, sent.sent_video_frames)]
    if sound:
        expected.append(("audio packets", received.audio_packets, sent.sent_audio_packets))
    for what, got, of in expected:
        if of == 0:
            return f"no {what} were sent to the {who}"
        if got < math.floor(of * RECEIVED_SHARE) - EDGE_PACKETS:
            return f"the {who} received {got} of {of} {what}"
    return None


def flawed_recording(recording: RecordingReport, *, telephone: bool = False) -> str | None:
    """What is wrong with the finished recording; None when nothing is. `telephone`: a voice came over one."""
    tracks = TRACKS_WITH_TELEPHONE if telephone else TRACKS
    if recording.tracks != tracks:
        return f"the recording has {recording.tracks} tracks instead of {tracks}"
    if recording.completeness < COMPLETENESS:
        return f"the recording is {recording.completeness:.3f} complete, {COMPLETENESS} is asked"
    return None


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def print_summary(report: CanaryReport, say: Callable[[str], None]) -> None:
    """The end of a run, for people."""
    if report.error:
        say(f"failed: {report.error}")
        return
    good = sum(call.ok for call in report.calls)
    say("")
    names = list(dict.fromkeys(step.name for call in report.calls for step in call.steps))
    say(f"{'step':<14}{'calls':>7}{'median':>11}{'p95':>11}")
    for name in names:
        times = [float(step.ms) for call in report.calls for step in call.steps if step.name == name]
        say(f"{name:<14}{len(times):>7}{percentile(times, 0.5):>8.0f} ms{percentile(times, 0.95):>8.0f} ms")
    for call in report.calls:
        if call.error:
            say(f"{call.contact_id or 'no contact'}: {call.error}")
    say(f"{good} of {len(report.calls)} calls went well")
