"""H.264 out of RTP (RFC 6184, packetization-mode 1) into length-prefixed NAL units, and the picture size of an SPS.

Parameter sets are kept before every key frame: the track's own (avcC) come from its first one, and a phone that turns
or another agent changes them later.
"""

import struct

from media.recording.frames import picture_is_sane

_SLICE, _IDR, _SPS, _PPS, _DELIMITER = 1, 5, 7, 8, 9
_STAP_A, _FU_A = 24, 28
_HIGH_PROFILES = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244))
_MAX_NAL_UNITS = 512


class _Bits:
    """Reads a raw byte sequence payload bit by bit (ITU-T H.264 § 7.2, § 9.1)."""

    def __init__(self, nal_unit: bytes) -> None:
        self._data = nal_unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._at = 0

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | (self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1)
            self._at += 1
        return value

    def unsigned(self) -> int:
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("an Exp-Golomb code longer than 32 bits")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def skip_scaling_list(self, size: int) -> None:
        last = following = 8
        for _ in range(size):
            if following:
                following = (last + self.signed()) & 0xFF
            last = following or last


def picture_size(sps: bytes) -> tuple[int, int] | None:
    """Width and height in pixels after cropping (ITU-T H.264 § 7.3.2.1.1); None when the SPS can't be read."""
    try:
        return _picture_size(sps)
    except (IndexError, ValueError):
        return None


def _picture_size(sps: bytes) -> tuple[int, int]:
    reader = _Bits(sps)
    reader.bits(8)
    profile = reader.bits(8)
    reader.bits(16)
    reader.unsigned()
    chroma, separate_planes = 1, 0
    if profile in _HIGH_PROFILES:
        chroma = reader.unsigned()
        if chroma == 3:
            separate_planes = reader.bits(1)
        reader.unsigned()
        reader.unsigned()
        reader.bits(1)
        if reader.bits(1):
            for index in range(8 if chroma != 3 else 12):
                if reader.bits(1):
                    reader.skip_scaling_list(16 if index < 6 else 64)
    reader.unsigned()
    order_count_type = reader.unsigned()
    if order_count_type == 0:
        reader.unsigned()
    elif order_count_type == 1:
        reader.bits(1)
        reader.signed()
        reader.signed()
        for _ in range(min(reader.unsigned(), 255)):
            reader.signed()
    reader.unsigned()
    reader.bits(1)
    width = (reader.unsigned() + 1) * 16
    height_units = reader.unsigned() + 1
    frames_only = reader.bits(1)
    height = height_units * 16 * (2 - frames_only)
    if not frames_only:
        reader.bits(1)
    reader.bits(1)
    if reader.bits(1):
        left, right, top, bottom = (reader.unsigned() for _ in range(4))
        unit_x, unit_y = 1, 2 - frames_only
        if not separate_planes and chroma in (1, 2):
            unit_x = 2
        if not separate_planes and chroma == 1:
            unit_y *= 2
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    return width, height


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
            if kind == _SPS and 4 <= len(unit) <= 0xFFFF:
                self.parameter_sets = (unit, self.parameter_sets[1] if self.parameter_sets else b"")
            elif kind == _PPS and self.parameter_sets and len(unit) <= 0xFFFF:
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
