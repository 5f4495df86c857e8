"""`media.voice.sip` over baresip: one Runtime per process, its calls by handle, its words turned into ours.

baresip runs in threads of its own and tells on the event loop. Two of its habits are mended here. It may tell of a call
before `dial` has returned its handle (a peer that answers within a millisecond): whatever is told of an unknown handle
while somebody dials is kept, and given to the call that turns out to have it. And it tells little of what the messages
said: that is read from its trace of received messages, which comes through `logging` and is never written anywhere.

The extra `sip` brings it; without it `load` raises MediaRefused. A SIP thread that died can't be started again in the
same process: from then on every call is refused, until the media process is replaced.
"""

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.port import MediaRefused, TrunkAnswer, VoiceCodec, VoiceTransport, VoiceTrunk
from media.voice.acks import Acks
from media.voice.checks import check_trunk
from media.voice.options import probe
from media.voice.settings import VoiceSettings
from media.voice.stack_call import BaresipCall
from media.voice.trace import Seen, read

if TYPE_CHECKING:
    from baresip.call import Call
    from baresip.events import StackEvent
    from baresip.runtime import Runtime
    from baresip.ua import UserAgent

MAX_CALLERS: Final = 5000
"""Trunks and callers ever used in this process: baresip keeps each, some kB, until it ends."""

MAX_PROBES: Final = 16
MAX_UNCLAIMED: Final = 64
MAX_UNCLAIMED_EVENTS: Final = 64
COMMAND_S: Final = 3.0
CLOSE_S: Final = 3.0
STRANGERS: Final = 32
"""Calls that baresip may have beyond ours: those that strangers try, each refused as soon as it is told."""

_CODECS: Final = {
    VoiceCodec.PCMA: "pcma",
    VoiceCodec.PCMU: "pcmu",
    VoiceCodec.G722: "g722/16000/1",
    VoiceCodec.OPUS: "opus/48000/2",
}

_SYSTEM_CA_FILES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")

_log = get_logger("media.voice")

K = TypeVar("K")
V = TypeVar("V")


def installed() -> bool:
    """Whether the extra `sip` is here."""
    return find_spec("baresip") is not None


def config_text(settings: VoiceSettings) -> str:
    """What baresip's own fields don't cover. It ignores a key that it does not know: a test looks at what each does."""
    lines = [
        f"rtp_ports {settings.rtp_port_low}-{settings.rtp_port_high}",
        "audio_jitter_buffer_type adaptive",
        f"audio_jitter_buffer_ms {settings.jitter_min_ms}-{settings.jitter_max_ms}",
        "audio_jitter_buffer_size 100",
        "call_hold_other_calls no",
        f"sip_verify_server {'yes' if settings.tls_verify else 'no'}",
    ]
    trusted = settings.tls_ca_file or system_ca_file()
    if trusted:
        lines.append(f"sip_cafile {trusted}")
    return "\n".join([*lines, ""])


def system_ca_file() -> str:
    """Whom this machine believes. baresip brings an OpenSSL of its own, which looks where Debian has nothing."""
    known = (ssl.get_default_verify_paths().cafile, *_SYSTEM_CA_FILES)
    return next((path for path in known if path and Path(path).is_file()), "")


def account_line(trunk: VoiceTrunk) -> str:
    """The trunk as an address of record. Holds the password: never logged. MediaRefused `voice_bad_trunk`."""
    from baresip.config import Account

    user, domain = check_trunk(trunk)
    extra = ["mediaenc=srtp-mand"] if trunk.srtp else []
    if trunk.tls_certificate_file:
        extra.append(f"cert={trunk.tls_certificate_file}")
    proxy = trunk.outbound_proxy
    if proxy and "transport=" not in proxy:
        proxy = f"{proxy};transport={trunk.transport.value}"
    try:
        account = Account(
            user=user,
            domain=domain,
            password=trunk.password,
            registrar=proxy or None,
            reg_interval=0,
            transport=trunk.transport.value,
            audio_codecs=tuple(_CODECS[codec] for codec in trunk.codecs),
            dtmf_mode="auto",
            auth_user=trunk.user or None,
            extra_params=tuple(extra),
        )
        line: str = account.aor()
    except ValueError as error:
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: {error}") from error
    return f'"{trunk.from_display}" {line}' if trunk.from_display else line


class BaresipStack:
    """Implements `media.voice.sip.SipPort`. Made by `start`, ended by `aclose`."""

    def __init__(self, runtime: "Runtime", settings: VoiceSettings) -> None:
        self.on_dead: Callable[[], None] = lambda: None
        """Called once when the SIP thread has died; every call has been told that it ended."""
        self._runtime = runtime
        self._settings = settings
        self._callers: dict[VoiceTrunk, asyncio.Task[UserAgent]] = {}
        self._calls: dict[int, BaresipCall] = {}  # by handle
        self._by_call_id: dict[str, BaresipCall] = {}
        self._dialling: Counter[int] = Counter()  # by handle of the caller
        self._unclaimed: dict[int, list[StackEvent]] = {}  # by handle of the call
        self._unread: dict[str, list[Seen]] = {}  # by Call-ID: messages of calls that are not claimed yet
        self._promised = 0  # calls that are being dialled
        self._probes = 0
        self._dead = False
        self._closed = False
        self._trace = _Trace(asyncio.get_running_loop(), self._seen)
        self._tasks = Supervisor("voice-stack")

    @classmethod
    async def start(cls, settings: VoiceSettings) -> Self:
        """MediaRefused `voice_unavailable` when baresip is not installed or does not start."""
        try:
            from baresip.config import Config
            from baresip.errors import BaresipError
            from baresip.runtime import Runtime
        except ImportError as error:
            raise MediaRefused(
                "voice_unavailable", "telephone calls need the extra sip: pip install visavis[sip]"
            ) from error
        runtime = Runtime(command_timeout=COMMAND_S, native_log_level="error")
        stack = cls(runtime, settings)
        runtime.subscribe(stack._on_event)
        runtime.on_dead = stack._died  # type: ignore[assignment] # it is None until somebody sets it
        try:
            config = Config(
                net_interface=settings.interface or None,
                native_log_level="error",
                sip_trace=True,
                max_concurrent_calls=settings.max_calls + STRANGERS,
                rtp_timeout=settings.rtp_timeout_s,
                extra_config_text=config_text(settings),
            )
            stack._trace.attach()
            begun = asyncio.ensure_future(runtime.start(config))
            try:
                await asyncio.shield(begun)
                await asyncio.to_thread(_without_folder, runtime)
            except asyncio.CancelledError:  # baresip must be up to be ended; it soon is, or gives up by itself
                await asyncio.wait((begun,))
                if begun.exception() is None:
                    await stack.aclose()
                stack._trace.detach()
                raise
        except (BaresipError, ValueError, TypeError) as error:
            stack._trace.detach()
            raise MediaRefused("voice_unavailable", f"the SIP stack does not start: {error}") from error
        _log.info("voice.stack_started", interface=settings.interface or "by route", max_calls=settings.max_calls)
        return stack

    @property
    def calls(self) -> int:
        return len(self._calls)

    # ------------------------------------------------------------ commands

    async def dial(self, to_uri: str, headers: Sequence[tuple[str, str]], trunk: VoiceTrunk) -> BaresipCall:
        """See SipPort."""
        if self._dead or self._closed:
            raise MediaRefused("voice_unavailable", "the SIP stack has died; the media process must be replaced")
        if len(self._calls) + self._promised >= self._settings.max_calls:
            raise MediaRefused("voice_capacity", f"all {self._settings.max_calls} telephone calls are in use")
        self._promised += 1
        try:
            caller = await self._caller(trunk)
            dialled = self._tasks.spawn(self._dialled(caller, to_uri, dict(headers), trunk), name="dial")
            try:
                return await outcome(dialled)
            except asyncio.CancelledError:
                dialled.add_done_callback(self._unwanted)
                raise
        finally:
            self._promised -= 1

    async def probe(self, trunk: VoiceTrunk) -> TrunkAnswer:
        """See SipPort."""
        check_trunk(trunk)
        if self._probes >= MAX_PROBES:
            raise MediaRefused("voice_capacity", f"{MAX_PROBES} trunks are being asked already")
        self._probes += 1
        try:
            return await probe(trunk, tls_context(self._settings, trunk), time.monotonic)
        finally:
            self._probes -= 1

    async def _caller(self, trunk: VoiceTrunk) -> "UserAgent":
        """baresip's user agent of that trunk, made once."""
        making = self._callers.get(trunk)
        if making is None:
            if len(self._callers) >= MAX_CALLERS:
                raise MediaRefused("voice_capacity", f"{MAX_CALLERS} different callers were used in this process")
            making = self._tasks.spawn(self._made_caller(account_line(trunk)), name="caller")
            self._callers[trunk] = making
        try:
            return await outcome(making)
        except MediaRefused:
            self._callers.pop(trunk, None)
            raise

    async def _made_caller(self, line: str) -> "UserAgent":
        from baresip.errors import BaresipError
        from baresip.ua import UserAgent

        try:
            agent = await UserAgent.create(self._runtime, line, transfer_policy="reject")
        except BaresipError as error:
            raise MediaRefused("voice_bad_trunk", f"the SIP stack does not take it: {error}") from error
        agent.on_incoming(self._refuse)
        return agent

    async def _dialled(
        self, caller: "UserAgent", to_uri: str, headers: dict[str, str], trunk: VoiceTrunk
    ) -> BaresipCall:
        from baresip.errors import BaresipError, NoLocalAddressError, RuntimeDead

        self._dialling[caller.handle] += 1
        try:
            call = await caller.dial(to_uri, headers)
        except NoLocalAddressError as error:
            raise MediaRefused("voice_unreachable", "no interface of this machine leads there") from error
        except RuntimeDead as error:
            raise MediaRefused("voice_unavailable", "the SIP stack has died") from error
        except ValueError as error:
            raise MediaRefused("voice_bad_uri", str(error)) from error
        except BaresipError as error:
            raise MediaRefused("voice_unreachable", str(error)) from error
        finally:
            self._dialling[caller.handle] -= 1
            if not self._dialling[caller.handle]:
                del self._dialling[caller.handle]
        return self._claim(call, trunk)

    def _claim(self, native: "Call", trunk: VoiceTrunk) -> BaresipCall:
        """The call has a handle: what was told of it meanwhile is told now, to baresip's own object too."""
        call = BaresipCall(native, trunk, self._tasks, self._gone)
        self._calls[native.handle] = call
        missed = self._unclaimed.pop(native.handle, [])
        for event in missed:
            native._on_stack_event(event)
            self._give(call, event)
        for message in self._unread.pop(call.call_id, []):
            call.see(message)
        if not self._dialling:
            self._unclaimed.clear()
            self._unread.clear()
        return call

    def _unwanted(self, dialled: "asyncio.Task[BaresipCall]") -> None:
        """Nobody waits for that call any more."""
        if not dialled.cancelled() and dialled.exception() is None and not self._closed:
            _ = self._tasks.spawn(dialled.result().hang_up(), name="unwanted")

    # ------------------------------------------------------------ events

    def _on_event(self, event: "StackEvent") -> None:
        """Everything that baresip tells, in its order."""
        if not event.call:
            return
        call = self._calls.get(event.call)
        if call is not None:
            self._give(call, event)
        elif event.ua in self._dialling:
            _keep(self._unclaimed, event.call, event)

    def _give(self, call: BaresipCall, event: "StackEvent") -> None:
        if event.call_id and not call.call_id:
            self._by_call_id[event.call_id] = call
            call.call_id = event.call_id
        call.hear(event)

    def _seen(self, message: Seen) -> None:
        """A message that was received."""
        call = self._by_call_id.get(message.call_id)
        if call is not None:
            call.see(message)
        elif self._dialling:
            _keep(self._unread, message.call_id, message)

    def _gone(self, call: BaresipCall) -> None:
        self._calls.pop(call.handle, None)
        self._by_call_id.pop(call.call_id, None)

    def _refuse(self, incoming: "Call") -> None:
        """We take no calls."""
        if not self._closed:
            _ = self._tasks.spawn(_reject(incoming), name="reject")

    def _died(self) -> None:
        self._dead = True
        _log.error("voice.stack_died", calls=len(self._calls))
        for call in list(self._calls.values()):
            call.lost()
        self.on_dead()

    # ------------------------------------------------------------ the end

    async def aclose(self) -> None:
        """See SipPort."""
        if self._closed:
            return
        self._closed = True
        from baresip.errors import BaresipError

        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(call.hang_up() for call in list(self._calls.values())))
        except TimeoutError:
            _log.warning("voice.calls_abandoned", calls=len(self._calls))
        await self._tasks.aclose()
        self._trace.detach()
        if not self._dead:
            try:
                await self._runtime.close()
            except BaresipError as error:
                _log.error("voice.stack_not_closed", reason=str(error))


async def outcome(begun: "asyncio.Task[V]") -> V:
    """What a task of the stack's returns or raises. Who waits may go; the stack's end is a refusal, not theirs."""
    await asyncio.wait((begun,))
    if begun.cancelled():
        raise MediaRefused("voice_unavailable", "the SIP stack is closing")
    return begun.result()


def _without_folder(runtime: "Runtime") -> None:
    """baresip's folder goes while it runs: nothing is ever in it, and who is killed can't remove it at the end."""
    folder = getattr(runtime, "_conf_dir", None)
    if isinstance(folder, str):
        with suppress(OSError):  # there is something in it after all: then it stays until the end
            Path(folder).rmdir()


def _keep(kept: dict[K, list[V]], key: K, value: V) -> None:
    """Keep what nobody asks for yet; of too much the latest is dropped."""
    if key not in kept and len(kept) >= MAX_UNCLAIMED:
        return
    values = kept.setdefault(key, [])
    if len(values) < MAX_UNCLAIMED_EVENTS:
        values.append(value)


async def _reject(incoming: "Call") -> None:
    from baresip.errors import BaresipError

    try:
        await incoming.reject()
    except BaresipError as error:
        _log.debug("voice.stranger_gone", reason=str(error))


def tls_context(settings: VoiceSettings, trunk: VoiceTrunk) -> ssl.SSLContext | None:
    """For the probe of a TLS trunk, of the same trust as the stack's. MediaRefused `voice_bad_trunk`."""
    if trunk.transport is not VoiceTransport.TLS:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca_file or None)
        if not settings.tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if trunk.tls_certificate_file:
            context.load_cert_chain(trunk.tls_certificate_file)
    except (OSError, ValueError) as error:
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: a certificate can't be read") from error
    return context


class _Trace(logging.Handler):
    """Hears baresip's trace in its log thread; hands what was received to the loop and keeps nothing but ACKs."""

    NAME: Final = "baresip.native.sip"
    MAX_WAITING: Final = 2000
    """Messages that the loop has not read yet; further ones are not read at all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seen: Callable[[Seen], None]) -> None:
        super().__init__(logging.DEBUG)
        self._loop = loop
        self._on_seen = seen
        self._acks = Acks()
        self._handed = 0  # the log thread's count
        self._taken = 0  # the loop's

    def attach(self) -> None:
        logger = logging.getLogger(self.NAME)
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logging.getLogger("baresip").setLevel(logging.WARNING)

    def detach(self) -> None:
        logging.getLogger(self.NAME).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text: Any = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        if isinstance(text, str):
            self._acks.traced(text)
        if not isinstance(text, str) or not text.startswith("RX") or self._handed - self._taken > self.MAX_WAITING:
            return
        message = read(text.partition("\n")[2])
        if message is None:
            return
        self._handed += 1
        try:
            self._loop.call_soon_threadsafe(self._take, message)
        except RuntimeError:  # the loop is closed
            self._taken = self._handed

    def _take(self, message: Seen) -> None:
        self._taken += 1
        self._on_seen(message)
