"""An agent's telephone of a canary in call mode: Debian's baresip, which answers every call and says one tone.

Owns its settings and what it heard. Knows no contact: an id in a User-to-User header is what the panel claims by. Each
call of a run has a telephone of its own: baresip names what it heard by the second, so two calls at once would be one
file.
"""

import re
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.canary.program import running

TONE_HZ: Final = 700
HEARD_RATE_HZ: Final = 8000

_START_S: Final = 15.0
_WAV_HEAD_BYTES: Final = 44  # even, as samples are
_TAIL_BYTES: Final = 10 * HEARD_RATE_HZ * 2
_READY: Final = "baresip is ready"
_USER_TO_USER: Final = re.compile(r"^User-to-User:\s*((?:[0-9a-f]{2}){1,64});encoding=hex\s*$", re.IGNORECASE)

_CONFIG: Final = """sip_listen {host}:{port}
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
audio_source ausine,{tone_hz}
audio_player aubridge,nowhere
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
snd_path {folder}
rtp_ports 40000-49999
"""


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone that is ready to ring."""

    port: int
    folder: Path

    def heard(self) -> "array[int]":
        """The last 10 s of what each of its calls brought so far: 16-bit samples at 8 kHz, one call after another."""
        samples: array[int] = array("h")
        for path in sorted(self.folder.glob("*-dec.wav")):
            end = path.stat().st_size // 2 * 2
            begin = max(_WAV_HEAD_BYTES, end - _TAIL_BYTES)  # the head is only written at the end, and says nothing new
            with path.open("rb") as file:
                file.seek(begin)
                samples.frombytes(file.read(max(0, end - begin)))
        return samples


def id_in(line: str) -> str | None:
    """The id in a header line of an INVITE, None in any other line. What is no ASCII text is no id of ours."""
    found = _USER_TO_USER.match(line)
    if found is None:
        return None
    text = bytes.fromhex(found[1]).decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else None


@asynccontextmanager
async def open_phone(
    program: str, modules: Path, address: tuple[str, int], folder: Path, *, lasts_s: float, rang: Callable[[str], None]
) -> AsyncIterator[Phone]:
    """It answers at `address` once this returns, and tells `rang` the id of each call, each once.

    `folder` is empty and its own. It ends with the block, or by itself after `lasts_s`: nothing is left of a canary
    that was killed. Raises ProgramEndedError or TimeoutError when it is not ready.
    """
    host, port = address
    text = _CONFIG.format(host=host, port=port, modules=modules, tone_hz=TONE_HZ, folder=folder)
    (folder / "config").write_text(text, encoding="utf-8")
    account = f"<sip:agent@{host}:{port}>;regint=0;answermode=auto;audio_codecs=pcma\n"
    (folder / "accounts").write_text(account, encoding="utf-8")
    (folder / "contacts").write_text("", encoding="utf-8")
    command = (program, "-4", "-f", str(folder), "-s", "-t", str(round(lasts_s)))
    ready = False
    known: set[str] = set()

    def hear(line: str) -> None:
        nonlocal ready
        ready = ready or _READY in line
        found = id_in(line)
        if found is not None and found not in known:  # an INVITE that is sent again is the same call
            known.add(found)
            rang(found)

    async with running("baresip", command, folder, screen=True) as baresip:
        baresip.on_line(hear)
        await baresip.until(lambda: ready, _START_S)
        yield Phone(port, folder)
