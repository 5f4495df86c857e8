"""What the telephone stack of an engine is given. Plain values, as they cross a process border."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """The defaults suit a switch in the same data centre."""

    max_calls: int = 100
    interface: str = ""  # name or address that SIP and RTP are bound to; empty: by route, which is never loopback
    rtp_port_low: int = 16384
    rtp_port_high: int = 32767
    jitter_min_ms: int = 20  # what the switch's RTP waits here; it grows with the network's jitter
    jitter_max_ms: int = 120
    rtp_timeout_s: int = 60  # an answered call that is not on hold and sends nothing for so long is over; 0: never
    tls_ca_file: str = ""  # PEM; empty: the system's
    tls_verify: bool = True
