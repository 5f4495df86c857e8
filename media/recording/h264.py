"""H.264 out of RTP (RFC 6184, packetization-mode 1) into length-prefixed NAL units.

Parameter sets are kept before every key frame: the track's own (avcC) come from its first one, and a phone that turns
or another agent changes them later.
"""

import struct

from media.codec.h264 import picture_size
from media.recording.frames import picture_is_sane

_SLICE, _IDR, _SPS, _PPS, _DELIMITER = 1, 5, 7, 8, 9
_STAP_A, _FU_A = 24, 28
_MAX_NAL_UNITS = 512
_MAX_SET_BYTES = 1024
"""Of an SPS or a PPS, which have some dozens: what is larger has no room in a file's head, and is nobody's camera's."""


def decoder_configuration(sps: bytes, pps: bytes) -> bytes:
    """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 § 5.3.3.1), four-byte lengths: Matroska's CodecPrivate."""
    return (
        bytes((1, sps[1], sps[2], sps[3], 0xFF, 0xE1))
        + struct.pack(">H", len(sps))
        + sps
        + b"\x01"
        + struct.pack(">H", len(pps))
        + pps
    )


class H264Depacketiser:
    """Single NAL units, STAP-A and FU-A. `parameter_sets` are the latest SPS and PPS seen in a whole frame."""

    codec_name = "H264"

    def __init__(self) -> None:
        self.parameter_sets: tuple[bytes, bytes] | None = None
        self._units: list[bytes] = []
        self._fragments: list[bytes] = []

    def begins_frame(self, payload: bytes) -> bool:
        """A frame begins with parameter sets, supplements, or the slice of macroblock 0 (first_mb_in_slice: `1`)."""
        kind = payload[0] & 0x1F
        if kind == _STAP_A:
            return len(payload) > 3 and self._unit_begins_frame(payload[3:])
        if kind == _FU_A:
            if len(payload) < 3 or not payload[1] & 0x80:
                return False
            return self._unit_begins_frame(bytes((payload[1] & 0x1F,)) + payload[2:3])
        return self._unit_begins_frame(payload)

    @staticmethod
    def _unit_begins_frame(unit: bytes) -> bool:
        kind = unit[0] & 0x1F
        if kind in (_SLICE, _IDR):
            return len(unit) > 1 and bool(unit[1] & 0x80)
        return kind in (6, _SPS, _PPS, _DELIMITER)

    def add(self, payload: bytes) -> bool:
        kind = payload[0] & 0x1F
        if len(self._units) > _MAX_NAL_UNITS:
            return False
        if kind == _FU_A:
            return self._add_fragment(payload)
        if self._fragments:  # the fragment before this packet never ended
            return False
        if 1 <= kind <= 23:
            self._units.append(payload)
            return True
        if kind == _STAP_A:
            return self._add_aggregate(payload)
        return False

    def _add_fragment(self, payload: bytes) -> bool:
        if len(payload) < 3:
            return False
        begins, ends = payload[1] & 0x80, payload[1] & 0x40
        if bool(begins) == bool(self._fragments):
            return False
        if begins:
            self._fragments = [bytes(((payload[0] & 0xE0) | (payload[1] & 0x1F),))]
        self._fragments.append(payload[2:])
        if ends:
            self._units.append(b"".join(self._fragments))
            self._fragments = []
        return True

    def _add_aggregate(self, payload: bytes) -> bool:
        at = 1
        while at + 2 <= len(payload):
            length = int.from_bytes(payload[at : at + 2], "big")
            unit = payload[at + 2 : at + 2 + length]
            if not length or len(unit) != length:
                return False
            self._units.append(unit)
            at += 2 + length
        return at == len(payload) and at > 1

    def droppable(self) -> bool:
        slices = [unit for unit in self._units if unit[0] & 0x1F in (_SLICE, _IDR)]
        if self._fragments:
            slices.append(self._fragments[0])
        return bool(slices) and not any(unit[0] & 0x60 for unit in slices)

    def take(self) -> tuple[bytes, bool, int, int] | None:
        units, complete = self._units, not self._fragments
        self.discard()
        kinds = [unit[0] & 0x1F for unit in units]
        if not complete or not (_SLICE in kinds or _IDR in kinds):
            return None
        for unit, kind in zip(units, kinds, strict=True):
            if kind == _SPS and 4 <= len(unit) <= _MAX_SET_BYTES:
                self.parameter_sets = (unit, self.parameter_sets[1] if self.parameter_sets else b"")
            elif kind == _PPS and self.parameter_sets and len(unit) <= _MAX_SET_BYTES:
                self.parameter_sets = (self.parameter_sets[0], unit)
        width = height = 0
        if key_frame := _IDR in kinds:
            if not self.parameter_sets or not self.parameter_sets[1]:
                return None
            size = picture_size(self.parameter_sets[0])
            if size is None or not picture_is_sane(*size):
                return None
            width, height = size
            if _SPS not in kinds:
                units = [*self.parameter_sets, *units]
        data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit[0] & 0x1F != _DELIMITER)
        return data, key_frame, width, height

    def discard(self) -> None:
        self._units = []
        self._fragments = []
