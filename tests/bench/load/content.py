"""What the legs send: packets of the sizes and first bytes that a camera with VP8 and a microphone with Opus make.

1.2 Mbit/s in 30 pictures a second of five packets each. Only what a server looks at is real, the payload descriptor and
the frame header (RFC 7741 §4.2, RFC 6386 §9.1); the rest is noise, which on the wire all ciphertext is.
"""

import random
from typing import Final

PICTURE_PACKETS: Final = 5
KEY_FRAME_PACKETS: Final = 12
SOUND_BYTES: Final = 90

STAMP_BYTES: Final = 8
"""At the end of every payload: when it was sent."""

PART_BYTES: Final = 976  # with headers, descriptor and tag 1.2 Mbit/s
_KEY_FRAME_HEADER: Final = bytes.fromhex("10020a 9d012a 8002 e001")  # version 0, shown, 640 x 480
_NEXT_FRAME_HEADER: Final = bytes.fromhex("310200")

_noise = random.Random(11).randbytes(KEY_FRAME_PACKETS * PART_BYTES)


def _cut(header: bytes, packets: int) -> tuple[bytes, ...]:
    picture = (header + _noise)[: packets * PART_BYTES]
    return tuple(picture[at : at + PART_BYTES] for at in range(0, len(picture), PART_BYTES))


KEY_FRAME: Final = _cut(_KEY_FRAME_HEADER, KEY_FRAME_PACKETS)
NEXT_FRAME: Final = _cut(_NEXT_FRAME_HEADER, PICTURE_PACKETS)
SOUND: Final = b"\x78" + _noise[: SOUND_BYTES - 1]  # CELT, 20 ms, one frame (RFC 6716 §3.1)
