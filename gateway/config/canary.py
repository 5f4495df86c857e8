"""`[canary]`: what `visavis canary` may try besides the gateway's own ACD."""

from pydantic import Field

from gateway.config.values import Section


class CanarySettings(Section):
    sip_acd: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5})?$",
        description="host:port at which `visavis canary --mode sip --sip-listen host:port` answers as an ACD in call "
        "mode; a queue that only robots enter calls it. Empty: no call mode for robots.",
    )
