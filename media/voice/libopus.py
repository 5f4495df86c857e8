"""libopus itself, the one that PyAV has brought into this process, through ctypes: at any of its rates, in one call.

PyAV decodes to 48 kHz only, and takes each frame on its way to the encoder through a graph of filters; for a telephone
that and the way down to its rate cost as much as the codec does (docs/performance.md). Where PyAV has its libopus built
in, AVAILABLE is False and `media.voice.opus` does with PyAV alone. Nothing here is thread-safe: each object belongs to
one thread, and the interpreter goes on while it works.
"""

import ctypes
import re
from pathlib import Path
from typing import Final

import av  # noqa: F401 - brings the library
import numpy as np
import numpy.typing as npt

RATES: Final = (8000, 12_000, 16_000, 24_000, 48_000)
MAX_FRAME_BYTES: Final = 1275
"""What `Encoder.encode` returns at most (RFC 6716 §3.4)."""

_MAX_DURATION_MS: Final = 120
_VOIP: Final = 2048

Samples = npt.NDArray[np.int16]

# Requests of opus_encoder_ctl, from opus_defines.h.
_SET_BITRATE: Final = 4002
_SET_VBR: Final = 4006
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_SET_VBR_CONSTRAINT: Final = 4020


def _loaded() -> ctypes.CDLL | None:
    """The library, where it is one: found among what this process has mapped, so that it is there exactly once."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        path = re.search(r"\s(/.*/libopus\b[^/\n]*\.so[^/\n]*)$", maps, re.MULTILINE)
        library = ctypes.CDLL(path[1]) if path is not None else None
    except OSError:
        return None
    if library is None or not all(hasattr(library, name) for name in _NEEDED):
        return None
    library.opus_decoder_create.argtypes = (ctypes.c_int32, ctypes.c_int, ctypes.POINTER(ctypes.c_int))
    library.opus_decoder_create.restype = ctypes.c_void_p
    library.opus_decode.argtypes = (
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
    )  # fmt: skip
    library.opus_decoder_destroy.argtypes = (ctypes.c_void_p,)
    library.opus_encoder_create.argtypes = (ctypes.c_int32, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int))
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_encoder_ctl.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.opus_encode.argtypes = (
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int32
    )  # fmt: skip
    library.opus_encoder_destroy.argtypes = (ctypes.c_void_p,)
    return library


_NEEDED: Final = (
    "opus_decoder_create", "opus_decode", "opus_decoder_destroy",
    "opus_encoder_create", "opus_encoder_ctl", "opus_encode", "opus_encoder_destroy",
)  # fmt: skip

_library = _loaded()
AVAILABLE: Final = _library is not None


def _lib() -> ctypes.CDLL:
    if _library is None:
        raise RuntimeError("there is no libopus to be called")
    return _library


class LibopusDecoder:
    """One stream's, to mono at `rate_hz`. ValueError for a rate that Opus has not."""

    def __init__(self, rate_hz: int) -> None:
        self._state = None
        if rate_hz not in RATES:
            raise ValueError(f"no Opus at {rate_hz} Hz")
        self._rate_hz = rate_hz
        library = _lib()
        self._decode, self._destroy = library.opus_decode, library.opus_decoder_destroy
        self._pcm = np.zeros(rate_hz * _MAX_DURATION_MS // 1000, np.int16)
        self._address = self._pcm.ctypes.data
        error = ctypes.c_int()
        self._state = library.opus_decoder_create(rate_hz, 1, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"no decoder: {error.value}")

    def __del__(self) -> None:
        if self._state:
            self._destroy(self._state)

    def decode(self, packet: bytes) -> Samples:
        """The packet's sound. ValueError when it is damaged."""
        count = self._decode(self._state, packet, len(packet), self._address, len(self._pcm), 0)
        if count <= 0:
            raise ValueError(f"no sound: {count}")
        return self._pcm[:count].copy()

    def conceal(self, length_s: float) -> Samples:
        """So much, a multiple of 2.5 ms, that goes on from what was decoded last, softer each time."""
        count = self._decode(self._state, None, 0, self._address, round(length_s * self._rate_hz), 0)
        if count <= 0:
            raise ValueError(f"not concealed: {count}")
        return self._pcm[:count].copy()


class LibopusEncoder:
    """Packets of speech from mono PCM at `rate_hz`: the lowest complexity, in-band FEC for one packet lost in ten."""

    def __init__(self, rate_hz: int, bitrate_bps: int) -> None:
        self._state = None
        if rate_hz not in RATES:
            raise ValueError(f"no Opus at {rate_hz} Hz")
        library = _lib()
        self._encode, self._destroy = library.opus_encode, library.opus_encoder_destroy
        self._packet = ctypes.create_string_buffer(MAX_FRAME_BYTES)
        self._address = ctypes.addressof(self._packet)
        self._view = memoryview(self._packet).cast("B")
        error = ctypes.c_int()
        self._state = library.opus_encoder_create(rate_hz, 1, _VOIP, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"no encoder: {error.value}")
        for request, value in (
            (_SET_BITRATE, bitrate_bps),
            (_SET_VBR, 1),
            (_SET_VBR_CONSTRAINT, 0),
            (_SET_COMPLEXITY, 0),
            (_SET_INBAND_FEC, 1),
            (_SET_PACKET_LOSS_PERC, 10),
        ):
            if library.opus_encoder_ctl(self._state, request, ctypes.c_int(value)):
                raise ValueError(f"the encoder refuses {request}")

    def __del__(self) -> None:
        if self._state:
            self._destroy(self._state)

    def encode(self, pcm: bytes) -> bytes:
        """One packet of 16-bit samples, as many as Opus has a frame of."""
        count = self._encode(self._state, pcm, len(pcm) // 2, self._address, MAX_FRAME_BYTES)
        if count <= 0:
            raise ValueError(f"not encoded: {count}")
        return bytes(self._view[:count])
