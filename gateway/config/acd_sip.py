"""`[[acds]] kind = "sip"`: a contact center that is reached by calling its queues. Shapes only; what templates and
patterns mean is `gateway.acd.sip`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from gateway.config.acd import AcdSection
from gateway.config.cti import Feed
from gateway.config.values import Duration, Section, Words

Number = Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]{1,15}|[A-Za-z0-9][A-Za-z0-9._-]{0,39})$")]
"""What a queue is called by: digits with or without +, or a name such as `support`."""

Template = Annotated[str, StringConstraints(max_length=500)]


class SipTrunkSettings(Section):
    """One way to the ACD."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="What metrics and logs call it.")
    domain: str = Field(
        max_length=253,
        description="Host of the called addresses, `sip:number@domain`, with a port where it is not the usual one.",
    )
    transport: Literal["udp", "tcp", "tls"] = Field("udp", description="How requests travel.")
    proxy: str = Field(
        "",
        max_length=256,
        description="Host or host:port that every request goes to first (SBC, proxy). Empty: the domain.",
    )
    caller: str = Field(
        "anonymous",
        pattern=r"^\+?[A-Za-z0-9._-]{1,40}$",
        description="The number or name we call as, where `caller_id` gives none.",
    )
    caller_domain: str = Field(
        "",
        max_length=253,
        description="Host of our own address. Empty: the domain.",
    )
    user: str = Field(
        "",
        max_length=128,
        description="Name of the digest (RFC 8760), without spaces, quotes, ; < >. Empty: no password is asked.",
    )
    password: SecretStr = Field(SecretStr(""), description="Its password, without double quotes and backslashes.")
    password_file: Path | None = Field(None, description="File with that password, instead of password.")
    codecs: tuple[Literal["PCMA", "PCMU", "G722", "OPUS"], ...] = Field(
        ("PCMA", "PCMU"), min_length=1, description="Sound formats offered, best first."
    )
    srtp: bool = Field(False, description="Encrypted sound (RFC 4568); of use with transport tls only.")
    tls_certificate_file: str = Field("", description="PEM with key and certificate, where the ACD asks for ours.")
    priority: int = Field(1, ge=1, le=100, description="Lower ones are used first; equal ones share the calls.")
    capacity: int = Field(30, ge=1, le=5000, description="Calls at once over this trunk.")
    probe_interval: Duration = Field(
        timedelta(seconds=30), description="An OPTIONS this often says whether it is there; 0: never asked."
    )

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password_file is not None and self.password.get_secret_value():
            raise ValueError("give password or password_file, not both")
        return self


class SipAcdSettings(AcdSection):
    """An ACD in call mode: one call per contact to the number of its queue."""

    kind: Literal["sip"] = Field("sip", description="Call mode over SIP.")
    trunks: tuple[SipTrunkSettings, ...] = Field(min_length=1, max_length=50, description="The ways to it.")
    numbers: dict[str, Number] = Field({}, description='Number of each queue: `numbers.support = "+33123456789"`.')
    allow: Words = Field(
        (),
        max_length=200,
        description="Numbers that menus, transfers and redirections may choose; `x` stands for one digit: 7xxx, "
        "+331234567xx. Empty: none.",
    )
    number_attribute: str = Field(
        "", max_length=40, description="Attribute of a contact that holds the number to call, if `allow` has it."
    )
    caller_id: Template = Field(
        "", description="Template of the number we call as; few different ones. Empty: the trunk's caller."
    )
    caller_name: Template = Field("", description="Template of the name shown with it; few different ones.")
    user_to_user: Template = Field(
        "{{ correlation }}",
        description="Template of what User-to-User carries, in hex (RFC 7433). Empty: none.",
    )
    user_to_user_parameters: str = Field(
        ";encoding=hex",
        pattern=r"^(;[a-z]{1,20}=[A-Za-z0-9_.-]{1,30}){0,4}$",
        description="What follows the hex digits, e.g. ;encoding=hex;purpose=isdn-uui;content=isdn-uui.",
    )
    user_to_user_prefix: str = Field(
        "",
        pattern=r"^([0-9A-Fa-f]{2}){0,2}$",
        description="Hex digits in front: 00 or 04 where an ISDN side wants one.",
    )
    headers: dict[str, Template] = Field(
        {
            "X-Video-Contact-Id": "{{ correlation }}",
            "X-Video-Queue": "{{ queue }}",
            "X-Video-Language": "{{ language }}",
            "X-Video-Site": "{{ site }}",
            "X-Video-Menu": "{{ menu }}",
        },
        max_length=20,
        description="Further headers by template. Names begin with X- or P-; values are percent-encoded.",
    )
    progress_timeout: Duration = Field(
        timedelta(seconds=15),
        description="Neither ringing nor an answer after an INVITE: the next trunk (RFC 3261 timer B: 32 s).",
    )
    answer_timeout: Duration = Field(
        timedelta(minutes=3), description="Ringing or announcements without an answer: given up (RFC 3261 §13.3.1.1)."
    )
    trunk_wait: Duration = Field(
        timedelta(seconds=60), description="A contact waits this long for a free trunk, then its queue is full."
    )
    transfer: Literal["invite", "refer"] = Field(
        "invite",
        description="How a transfer from our side is made: a new call to the target, or REFER and, where that is "
        "refused, a new call.",
    )
    transfer_timeout: Duration = Field(
        timedelta(seconds=30), description="The target of a transfer must have answered within this."
    )
    identity_is_agent: bool = Field(
        False,
        description="The ACD tells in P-Asserted-Identity which agent answered: the first change is the agent "
        "connected, a later one a transfer.",
    )
    feed: Feed | None = Field(
        None,
        description="Where the ACD tells which agent has a call, and takes agents' states: `[acds.feed]` with kind ami "
        "(Asterisk) or esl (FreeSWITCH). Empty: the agent's panel claims the contact.",
    )
