"""How what is sent to one listener gets there: numbered, told of, limited, probed, and without pictures if need be.

Joins `departures`, `downlink`, `probe` and `floor` for a leg whose peer gives transport-wide feedback. It says what the
way can take (`on_limit`) and when pictures pause or come back (`on_pause`); it knows no source and no other leg.
"""

from collections.abc import Callable, Collection
from typing import Final

from media.forward import twcc
from media.forward.departures import Departures
from media.forward.downlink import DRAINED_S, Downlink
from media.forward.floor import PAUSE_BPS, RESUME_BPS, Floor
from media.forward.outgoing import OutgoingTrack
from media.forward.probe import Prober
from media.port import Kind
from media.sdp.description import EXT_TRANSPORT_NUMBER, Section
from media.transport.link import Link

PAUSED_BPS: Final = 50_000
"""What a sender is told while nobody can take its picture: sound, and as little else as its browser makes."""

RESEND_SHARE: Final = 0.2
"""Of a limited way, for packets sent again: what is lost in a queue that is full isn't helped by more in it."""

REPEAT_LOSS: Final = 0.04
REPEAT_S: Final = 15.0
REPEAT_LEAST_BPS: Final = 250_000
"""Where more is lost, each sound goes out twice, and for so long after; not where that would cost the picture."""

CALM_EVERY: Final = 4
"""While nothing is amiss, one feedback in so many is read: browsers send one every 50 ms."""


def transport_number(sections: Collection[Section]) -> int:
    """The id of the transport-wide number, one for the whole transport (RFC 9143 §7.3); 0 when not agreed on."""
    found = {section.extensions.get(EXT_TRANSPORT_NUMBER, 0) for section in sections if section.codecs}
    return next((number for number in found if 0 < number < 15), 0)


class Delivery:
    """One listener's."""

    def __init__(
        self,
        number: int,
        link: Link,
        tracks: dict[Kind, OutgoingTrack],
        *,
        most_bps: int,
        on_limit: Callable[[int, float], None],
        on_pause: Callable[[bool, int, float], None],
    ) -> None:
        self.departures = Departures(number)
        self.downlink = Downlink(most_bps)
        self.floor = Floor()
        self._feedbacks = 0
        self._repeat_until_s = 0.0
        self._probed_bps: float | None = None  # by the last probe since the limit was last enough for pictures
        self._tracks = tracks
        self._most_bps = most_bps
        self._on_limit = on_limit
        self._on_pause = on_pause
        self._prober = Prober(link, self.departures, [out for kind, out in tracks.items() if kind != Kind.AUDIO])
        for out in tracks.values():
            out.departures = self.departures

    @property
    def told_bps(self) -> int:
        """What a sender is to be told: all it may send where no limit is known."""
        if self.floor.paused:
            return PAUSED_BPS
        limit = self.downlink.limit_bps
        return self._most_bps if limit is None else min(limit, self._most_bps)

    def resend_bps(self, most_bps: int) -> int:
        """How much of the way repetitions may take: what is limited carries sound and new pictures first."""
        limit = self.downlink.limit_bps
        if limit is None:
            return most_bps
        return 0 if self.floor.paused else min(most_bps, int(RESEND_SHARE * limit))

    def take(self, body: bytes, now_s: float) -> None:
        """A feedback came. Raises MalformedRtcp."""
        self._feedbacks += 1
        if self.downlink.calm and self._feedbacks % CALM_EVERY:
            return
        feedback = twcc.read(body, 0, len(body))
        rate_bps = self._prober.take(feedback)
        sample = self.departures.take(feedback)
        before = self.told_bps
        if sample is not None:
            self.downlink.take(sample, now_s)
        if rate_bps is not None:
            self._probed_bps = rate_bps
            if self.downlink.probed(rate_bps):
                self._prober.again(now_s)
        self._act(now_s)
        if self.told_bps != before:
            self._on_limit(self.told_bps, now_s)

    def report(self, now_s: float) -> None:
        """Once a second, also while nothing comes: go on probing, and repeat what is known."""
        self._act(now_s)
        self._on_limit(self.told_bps, now_s)

    def _act(self, now_s: float) -> None:
        limit = self.downlink.limit_bps
        if self.downlink.queue_s < DRAINED_S:
            for out in self._tracks.values():
                out.catch_up(now_s)
        self._protect_sound(limit, now_s)
        if limit is not None:
            self._prober.step(self.downlink.congested_s, now_s)
        if limit is None or limit >= RESUME_BPS:
            self._probed_bps = None
        narrow = now_s - self.downlink.congested_s < 1.0 or (self._probed_bps or RESUME_BPS) < RESUME_BPS
        low = limit is not None and limit < PAUSE_BPS  # once it isn't, the floor's patience begins anew
        if (narrow or not low or self.floor.paused) and self.floor.decide(limit, now_s):
            for kind, out in self._tracks.items():
                if kind != Kind.AUDIO:
                    out.pause(paused=self.floor.paused, now_s=now_s)
            self._on_pause(self.floor.paused, limit if limit is not None else self._most_bps, now_s)

    def _protect_sound(self, limit_bps: int | None, now_s: float) -> None:
        """Nobody asks for lost sound: it would come too late. Of what is sent twice, 15 % loss takes one in forty."""
        if self.downlink.first_loss > REPEAT_LOSS:
            self._repeat_until_s = now_s + REPEAT_S
        out = self._tracks.get(Kind.AUDIO)
        if out is not None:
            room = limit_bps is None or limit_bps >= REPEAT_LEAST_BPS
            out.repeats = room and now_s < self._repeat_until_s
