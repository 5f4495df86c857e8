"""The picture size that a sequence parameter set of H.264 states (ITU-T H.264 § 7.3.2.1.1)."""

_HIGH_PROFILES = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244))


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
