"""One call of baresip's: its events and the messages it received become the events of `media.voice.sip`.

Two things are told of a call, each in its own order and neither in step with the other: events, from the SIP thread,
and received messages, from the log thread. Events decide what state the call is in; messages add status, reason and
identity. The end waits a moment for the message that explains it.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.port import MediaRefused, VoiceCodec, VoiceTrunk
from media.voice.sip import (
    Answered,
    Digit,
    Ended,
    Held,
    Identity,
    MediaHeard,
    PcmFormat,
    PcmGone,
    PcmState,
    Progress,
    Referred,
    SipCall,
    SipEvent,
)
from media.voice.trace import Seen, bounded

if TYPE_CHECKING:
    from baresip.audio import CallAudio
    from baresip.call import Call
    from baresip.events import StackEvent

EXPLAINED_S: Final = 0.03
"""The end is told this much later than baresip's event: the BYE that it came with is read in another thread."""

UNHEARD_S: Final = 1.0
"""So long after its INVITE ending a call waits for the first answer: of a call that is ended before, baresip now and
then forgets a 200 that is on its way, without ACK and BYE. A CANCEL has to wait for it too (RFC 3261 §9.1)."""

HOLD_S: Final = 3.0
HOLD_RETRY_S: Final = 0.1
MAX_PROGRESS: Final = 32
"""Changes of a provisional answer that are told; a switch that goes on has nothing new to say."""

MAX_IDENTITIES: Final = 32
DIGITS_PER_S: Final = 20
MAX_EARLY: Final = 100

_TRANSFERRED: Final = "Call transfered"  # baresip's word, and its spelling
_log = get_logger("media.voice")


class BaresipPcm:
    """Implements `media.voice.sip.Pcm`."""

    def __init__(self, audio: "CallAudio") -> None:
        from baresip.errors import BaresipError

        self._audio = audio
        self._gone = BaresipError

    def state(self) -> PcmState:
        try:
            info = self._audio.info()
        except self._gone as error:
            raise PcmGone from error
        return PcmState(
            PcmFormat(info.tx_sample_rate, info.tx_channels) if info.tx_ready else None,
            info.tx_buffered,
            PcmFormat(info.rx_sample_rate, info.rx_channels) if info.rx_ready else None,
            info.rx_buffered,
        )

    def write(self, pcm: bytes) -> None:
        try:
            self._audio.write(pcm)
        except self._gone as error:
            raise PcmGone from error

    def read(self, most_bytes: int) -> bytes:
        try:
            pcm: bytes = self._audio.read(most_bytes)
        except self._gone as error:
            raise PcmGone from error
        return pcm


class BaresipCall:
    """Implements `media.voice.sip.SipCall`."""

    def __init__(
        self, native: "Call", trunk: VoiceTrunk, tasks: Supervisor, gone: "Callable[[BaresipCall], None]"
    ) -> None:
        self.handle: int = native.handle
        self.call_id = ""
        self.closed = False  # baresip has no such call any more
        self.pcm = BaresipPcm(native.audio)
        self._native = native
        self._trunk = trunk
        self._tasks = tasks
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._listener: Callable[[SipEvent], None] | None = None
        self._early: list[SipEvent] = []
        self._behind: list[SipEvent] | None = None  # told after the answer, while that waits for its codec
        self._began_s = self._loop.time()
        self._heard = asyncio.Event()  # an answer to the INVITE, or that none will come
        self._answered = False
        self._ended = False
        self._held = False
        self._progress: tuple[int, bool] = (0, False)
        self._progresses = 0
        self._identity: tuple[str, str] | None = None
        self._identities = 0
        self._reason = ""  # of the BYE
        self._codec = ""
        self._referring = False
        self._digit_second = 0
        self._digits = 0

    # ------------------------------------------------------------ what is told

    def on_event(self, listener: Callable[[SipEvent], None]) -> None:
        self._listener = listener
        early, self._early = self._early, []
        for event in early:
            listener(event)

    def _tell(self, event: SipEvent) -> None:
        if self._ended:
            return
        if self._behind is not None:
            if len(self._behind) < MAX_EARLY or isinstance(event, Ended):
                self._behind.append(event)
            return
        if isinstance(event, Ended):
            self._ended = True
        if self._listener is not None:
            self._listener(event)
        elif len(self._early) < MAX_EARLY or isinstance(event, Ended):
            self._early.append(event)

    def hear(self, event: "StackEvent") -> None:
        """An event of baresip's of this call."""
        from baresip.events import Event

        match event.event:
            case Event.CALL_RINGING | Event.CALL_PROGRESS:
                self._loop.call_later(EXPLAINED_S, self._unexplained, event.event is Event.CALL_PROGRESS)
            case Event.CALL_ESTABLISHED:
                self._heard.set()
                if not self._answered:
                    self._answered = True
                    if self._codec_known():
                        self._tell(Answered(self._codec_known()))
                    else:
                        self._behind = []
                        self._loop.call_later(EXPLAINED_S, self._answer)
            case Event.CALL_RTPESTAB:
                self._tell(MediaHeard())
            case Event.CALL_HOLD | Event.CALL_RESUME:
                held = event.event is Event.CALL_HOLD
                if held != self._held:
                    self._held = held
                    self._tell(Held(held))
            case Event.CALL_DTMF_START:
                self._tell_digit((event.text or "").upper())
            case Event.CALL_CLOSED:
                self._close(event.text or "")
            case _:
                pass

    def _answer(self) -> None:
        """Its codec was read by now, or is not known. What has happened since may be told then."""
        behind, self._behind = self._behind or [], None
        self._tell(Answered(self._codec_known()))
        for event in behind:
            self._tell(event)

    def see(self, message: Seen) -> None:
        """A message of this call that was received."""
        method, status = message.method, message.status
        if message.identity is not None and method in ("INVITE", "UPDATE"):
            self._tell_identity(message.identity)
        if method == "INVITE":
            self._heard.set()
            self._codec = message.codec or self._codec
            if 100 < status < 200 and not self._answered:
                self._tell_progress(status, early_media=message.has_sdp or self._progress[1])
        if (method == "BYE" and not status) or (method == "INVITE" and status >= 300):
            self._reason = message.contact if 300 <= status < 400 else message.reason
        if 0 < message.fragment_status < 200 and self._referring:
            self._tell(Referred(message.fragment_status, final=False))

    def _unexplained(self, early_media: bool) -> None:
        """A provisional answer came. Mostly it was read by now, and told."""
        if early_media and not self._progress[1]:
            self._tell_progress(183, early_media=True)
        elif not self._progress[0]:
            self._tell_progress(180, early_media=False)

    def lost(self) -> None:
        """The stack has died."""
        self._close("the SIP stack has died")

    def _tell_progress(self, status: int, *, early_media: bool) -> None:
        if (status, early_media) == self._progress or self._answered or self._progresses >= MAX_PROGRESS:
            return
        self._progresses += 1
        self._progress = (status, early_media)
        self._tell(Progress(status, early_media))

    def _tell_identity(self, identity: tuple[str, str]) -> None:
        if identity != self._identity and self._identities < MAX_IDENTITIES:
            self._identities += 1
            self._identity = identity
            self._tell(Identity(*identity))

    def _tell_digit(self, digit: str) -> None:
        second = int(self._loop.time())
        if second != self._digit_second:
            self._digit_second, self._digits = second, 0
        self._digits += 1
        if self._digits <= DIGITS_PER_S and re.fullmatch(r"[0-9A-D*#]", digit):
            self._tell(Digit(digit))

    def _tell_referred(self, status: int) -> None:
        if self._referring:
            self._referring = False
            self._tell(Referred(status, final=True))

    def _codec_known(self) -> str:
        """From the answer when it was read already, else by what only one of the trunk's codecs can be."""
        if self._codec:
            return self._codec
        try:
            into = self.pcm.state().into
        except PcmGone:
            return ""
        rates = {VoiceCodec.G722: 16_000, VoiceCodec.OPUS: 48_000}
        fitting = [each for each in self._trunk.codecs if into and rates.get(each, 8000) == into.rate_hz]
        return fitting[0].value if len(fitting) == 1 else ""

    def _close(self, text: str) -> None:
        if self.closed:
            return
        self.closed = True
        self._heard.set()
        self._tell_referred(200 if text == _TRANSFERRED else 487)
        self._loop.call_later(EXPLAINED_S, self._end, text)

    def _end(self, text: str) -> None:
        self._gone(self)
        status = _status(text)
        detail = self._reason or (text.partition(" ")[2] if status else text)
        self._tell(Ended(status, bounded(detail)))

    # ------------------------------------------------------------ what is asked

    async def hang_up(self) -> None:
        from baresip.errors import BaresipError

        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._began_s + UNHEARD_S):
                await self._heard.wait()
        if self.closed:
            return
        try:
            await self._native.hangup()
        except BaresipError as error:
            _log.warning("voice.hang_up_failed", reason=str(error))

    async def set_hold(self, *, on: bool) -> None:
        from baresip.errors import BaresipError

        self._must_be_answered()
        give_up_s = self._loop.time() + HOLD_S
        while True:
            try:
                await (self._native.hold() if on else self._native.resume())
            except BaresipError as error:  # mostly: the answer to the last re-INVITE has not come yet
                if self.closed or self._loop.time() >= give_up_s:
                    raise MediaRefused("voice_state", str(error)) from error
                await asyncio.sleep(HOLD_RETRY_S)
            else:
                return

    async def press(self, digits: str) -> None:
        from baresip.errors import BaresipError

        try:
            await self._native.send_dtmf(digits)
        except (BaresipError, ValueError) as error:
            raise MediaRefused("voice_state", str(error)) from error

    async def refer(self, to_uri: str) -> None:
        self._begin_refer()
        _ = self._tasks.spawn(self._refer(self._native.transfer(to_uri)), name="refer")

    async def refer_to(self, other: SipCall) -> None:
        if not isinstance(other, BaresipCall) or other is self:
            raise MediaRefused("voice_state", "there is no such other call")
        other._must_be_answered()
        self._begin_refer()
        _ = self._tasks.spawn(self._refer(self._native.attended_transfer(other._native)), name="refer")

    def _begin_refer(self) -> None:
        self._must_be_answered()
        if self._referring:
            raise MediaRefused("voice_state", "a transfer is under way")
        self._referring = True

    async def _refer(self, transfer: Coroutine[Any, Any, None]) -> None:
        """Tell its outcome once the stack has done with it: the next could be asked for too early, were it told by the
        stack's event. When the call has closed it was told already."""
        from baresip.errors import BaresipError, TransferFailed

        try:
            await transfer
        except TransferFailed as error:
            self._tell_referred(error.status or 408)
        except (BaresipError, ValueError) as error:
            _log.warning("voice.refer_failed", reason=str(error))
            self._tell_referred(500)

    def _must_be_answered(self) -> None:
        if self.closed or not self._answered:
            raise MediaRefused("voice_state", "the call is not answered, or over")


def _status(text: str) -> int:
    """Of `486 Busy Here`; 0 for any other text."""
    match = re.match(r"([3-6]\d\d)\b", text)
    return int(match.group(1)) if match else 0
