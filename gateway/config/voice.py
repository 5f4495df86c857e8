"""The telephone's settings: what is the same for every trunk of a node. The trunks are of the ACDs that have them."""

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from gateway.config.values import Duration, Section


class VoiceSettings(Section):
    max_calls: int = Field(100, ge=1, le=1000, description="Telephone calls at once in each media process.")
    interface: str = Field(
        "",
        max_length=64,
        pattern=r"^[A-Za-z0-9._:%-]*$",
        description="Network interface, or address, that SIP and RTP to telephone switches leave by; empty: the one "
        "that leads there. A switch on this machine needs 127.0.0.1.",
    )
    rtp_port_low: int = Field(16384, ge=1024, le=65534, description="UDP ports of the sound from and to switches: from")
    rtp_port_high: int = Field(32767, ge=1025, le=65535, description="… to. Two for each call.")
    jitter_min: Duration = Field(
        timedelta(milliseconds=20), description="A switch's sound waits at least this long here, to be put in order."
    )
    jitter_max: Duration = Field(
        timedelta(milliseconds=120), description="… and at most this long, when its network delivers unevenly."
    )
    rtp_timeout: Duration = Field(
        timedelta(seconds=60),
        description="An answered call that is not on hold and whose switch sends no sound for this long is over; "
        "0: never.",
    )
    tls_ca_file: Path | None = Field(
        None, description="PEM file of whom switches over TLS are believed from; empty: the system's."
    )
    tls_verify: bool = Field(True, description="Whether a switch's certificate must be valid.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.rtp_port_high - self.rtp_port_low < 2 * self.max_calls:
            raise ValueError("rtp_port_low to rtp_port_high must hold two ports for each of max_calls")
        if self.jitter_min > self.jitter_max:
            raise ValueError("jitter_min is more than jitter_max")
        return self
