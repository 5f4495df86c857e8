"""Which media engine a node has: in this process, or in several of its own.

Builds it from the settings. A refusal is a SetupError whose text says what to do. Knows no contact.
"""

import errno
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gateway.base.errors import SetupError
from gateway.config import LogSettings, MediaSettings
from gateway.config.acd import AcdSection
from gateway.config.acd_sip import SipAcdSettings
from gateway.config.voice import VoiceSettings as TelephoneSettings
from media.engine import EngineSettings, InProcessEngine
from media.forward.leg import ForwardLimits
from media.player.library import ClipLibrary
from media.transport.timers import TransportTimers
from media.voice.settings import VoiceSettings
from media.voice.stack import installed
from media.workers.figures import WorkerFigures
from media.workers.pool import WorkerPool
from media.workers.process import WorkerFailed, WorkerSettings
from media.workers.sizing import cores, processes_for

_BITRATE_HEADROOM: Final = 1.6  # browsers overshoot what they are told; beyond this packets are dropped

Engine = InProcessEngine | WorkerPool


def check_voice(acds: Iterable[AcdSection]) -> None:
    """SetupError `sip_extra` when an ACD is to be called and nothing here can: now, not at the first contact."""
    called = [acd.name for acd in acds if isinstance(acd, SipAcdSettings)]
    if called and not installed():
        raise SetupError("sip_extra", f"The ACD {called[0]} is called by SIP: that needs pip install visavis[sip].")


async def start_engine(
    settings: MediaSettings, voice: TelephoneSettings, log: LogSettings, clips: ClipLibrary
) -> Engine:
    """The engine, on its UDP ports. SetupError when a port, an announced address or a process can't be had."""
    engine_settings = EngineSettings(
        host=settings.host,
        port=settings.port,
        announce=settings.announce,
        max_legs=settings.max_legs,
        leg_bitrate_bps=settings.leg_bitrate_bps,
        limits=ForwardLimits(max_bitrate_bps=int(settings.leg_bitrate_bps * _BITRATE_HEADROOM)),
        timers=TransportTimers(
            setup_s=settings.setup_timeout.total_seconds(),
            silence_s=settings.silence_timeout.total_seconds(),
            consent_s=settings.consent_timeout.total_seconds(),
            close_s=settings.close_timeout.total_seconds(),
        ),
        voice=VoiceSettings(
            max_calls=voice.max_calls,
            interface=voice.interface,
            rtp_port_low=voice.rtp_port_low,
            rtp_port_high=voice.rtp_port_high,
            jitter_min_ms=round(voice.jitter_min.total_seconds() * 1000),
            jitter_max_ms=round(voice.jitter_max.total_seconds() * 1000),
            rtp_timeout_s=math.ceil(voice.rtp_timeout.total_seconds()),
            tls_ca_file="" if voice.tls_ca_file is None else str(voice.tls_ca_file),
            tls_verify=voice.tls_verify,
        ),
    )
    count = processes_for(cores(), settings.max_legs) if settings.workers == "auto" else settings.workers
    if settings.port + max(count, 1) - 1 > 65535:
        raise SetupError(
            "media_port", f"There are no {count} UDP ports from {settings.port} up. See VISAVIS_MEDIA__PORT."
        )
    try:
        if not count:
            return await InProcessEngine.start(engine_settings, clips=clips)
        worker_settings = WorkerSettings(
            engine=engine_settings,
            memory_bytes=settings.worker_memory_bytes,
            log_json=log.json_lines,
            log_level=log.level,
        )
        return await WorkerPool.start(count, worker_settings, recycle_calls=settings.worker_recycle_calls)
    except OSError as error:
        raise udp_refused(error, settings.host, settings.port, count) from error
    except ValueError as error:
        raise SetupError("media_announce", f"media.announce can't be used: {error}.") from error
    except WorkerFailed as error:
        raise SetupError("media_workers", f"A media process can't be started: {error}.") from error


def udp_refused(error: OSError, host: str, port: int, count: int = 1) -> SetupError:
    """What to tell when the media sockets can't be had: `count` consecutive ports from `port`."""
    several = count > 1 and port > 0
    if error.errno == errno.EADDRINUSE:
        which = f"One of the UDP ports {port} to {port + count - 1}" if several else f"UDP port {port}"
        other = port + max(count, 1) if port + 2 * count <= 65535 else 5001
        return SetupError(
            "media_port_busy",
            f"{which} is in use. Stop the program that has it, or choose another port: VISAVIS_MEDIA__PORT={other}.",
        )
    text = error.strerror or type(error).__name__
    which = f"the UDP ports {port} to {port + count - 1}" if several else f"UDP port {port}"
    return SetupError(
        "media_port",
        f"Can't open {which} on {host or 'any address'}: {text[0].lower() + text[1:]}. See VISAVIS_MEDIA__HOST.",
    )


def ports_of(engine: Engine) -> Sequence[int]:
    """Every UDP port that a firewall must let in."""
    return list(engine.ports) if isinstance(engine, WorkerPool) else [engine.port]


def processes_of(engine: Engine) -> Sequence[WorkerFigures]:
    """Each media process as it is now; none when media is in this process."""
    return engine.figures() if isinstance(engine, WorkerPool) else []


def not_up(engine: Engine) -> Sequence[str]:
    """The media processes that are not there just now."""
    return [each.name for each in processes_of(engine) if not each.up]


def is_up(engine: Engine) -> bool:
    """Whether there is anything to carry media just now."""
    return not isinstance(engine, WorkerPool) or any(each.up for each in engine.figures())


def media_lag(engine: Engine, own_s: Callable[[], float]) -> Callable[[], float]:
    """How late packets were of late for want of a turn: of the loop that forwards them, ours or the processes'."""
    return (lambda: engine.lag_s) if isinstance(engine, WorkerPool) else own_s
