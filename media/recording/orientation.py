"""Which way up a picture is: read from its packets, and followed over a track so that one rotation can be chosen.

A phone sends what its sensor sees and says with the frame how to turn it (3GPP TS 26.114 § 7.4.5). A container holds
one rotation for a whole track; what differs from it in the middle of a call is told as intervals. It knows no file and
no clock; rotations are degrees clockwise a player has to turn the picture: 0, 90, 180 or 270.
"""

import struct
from dataclasses import dataclass, field
from typing import Final

MAX_ROTATIONS: Final = 256
"""Intervals told of one track. A phone that is turned more often has the rest of its call at the track's rotation."""

_MAX_FRAME_S: Final = 1.0
"""A picture stands for no longer than this when it is weighed: a camera that was off shows nothing either way up."""

_FIXED_HEADER_BYTES: Final = 12
_PROFILE: Final = struct.Struct(">HH")
_ONE_BYTE_PROFILE: Final = 0xBEDE
_TWO_BYTE_PROFILE: Final = 0x1000


def rotation_of(packet: bytes, extension_id: int) -> int | None:
    """What a whole RTP packet says of the picture's rotation; None when it says nothing, or nothing well-formed.

    `extension_id` (RFC 8285) is what the leg agreed on for `urn:3gpp:video-orientation`. The camera bit says nothing
    about the picture, and the flip bit is neither set nor followed by any browser: both are left alone, so that a
    recording shows what the other side saw.
    """
    if not packet[0] & 0x10:
        return None
    at = _FIXED_HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if at + _PROFILE.size > len(packet):
        return None
    profile, words = _PROFILE.unpack_from(packet, at)
    one_byte = profile == _ONE_BYTE_PROFILE
    if not one_byte and profile & 0xFFF0 != _TWO_BYTE_PROFILE:
        return None
    head_bytes = 1 if one_byte else 2
    at += _PROFILE.size
    end = min(at + 4 * words, len(packet))
    while at + head_bytes <= end:
        first = packet[at]
        if first == 0:  # padding
            at += 1
            continue
        number, size = (first >> 4, (first & 0x0F) + 1) if one_byte else (first, packet[at + 1])
        at += head_bytes
        if (one_byte and number == 15) or at + size > end:
            return None
        if number == extension_id:
            return (packet[at] & 0x03) * 90 if size == 1 else None
        at += size
    return None


@dataclass(slots=True)
class Rotations:
    """The rotations of one track, built frame by frame in order of time."""

    _shown_s: dict[int, float] = field(default_factory=dict)
    _changes: list[tuple[float, int]] = field(default_factory=list)
    _last_s: float = 0.0
    _last_deg: int = -1
    _listed_until_s: float = float("inf")

    def frame(self, time_s: float, rotation_deg: int) -> None:
        """A frame that is in the file."""
        if self._last_deg >= 0:
            self._shown_s[self._last_deg] += min(max(time_s - self._last_s, 0.0), _MAX_FRAME_S)
        if rotation_deg != self._last_deg:
            self._shown_s.setdefault(rotation_deg, 0.0)
            if len(self._changes) < MAX_ROTATIONS:
                self._changes.append((time_s, rotation_deg))
            else:
                self._listed_until_s = min(self._listed_until_s, time_s)
        self._last_s, self._last_deg = time_s, rotation_deg

    @property
    def chosen_deg(self) -> int:
        """The rotation that was shown the longest; of equals the first. 0 without a frame."""
        return max(self._shown_s, key=self._shown_s.__getitem__, default=0)

    def intervals(self, end_s: float) -> list[tuple[float, float, int]]:
        """(from, to, rotation) from the first frame to `end_s`; nothing when it never changed."""
        if len(self._changes) < 2:
            return []
        ends = [*(start_s for start_s, _ in self._changes[1:]), min(end_s, self._listed_until_s)]
        return [(start_s, to_s, deg) for (start_s, deg), to_s in zip(self._changes, ends, strict=True)]
