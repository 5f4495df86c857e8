"""`[acds.feed]`: where a contact center tells what happens beside its calls. One of a `[[acds]] kind = "sip"` entry."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from gateway.config.values import Duration, Section, Words

AcdName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@:/+-]{1,128}$")]
"""What an ACD calls an agent or a queue."""


class FeedSettings(Section):
    """What both kinds have in common."""

    host: str = Field("127.0.0.1", min_length=1, max_length=253, description="Where it listens.")
    tls: bool = Field(False, description="Encrypted; the certificate is checked.")
    tls_ca_file: Path | None = Field(
        None, description="Authorities that may have signed its certificate. Empty: the system's."
    )
    agents: dict[str, AcdName] = Field(
        {}, max_length=20_000, description='What it calls each agent: `agents.anna = "PJSIP/1001"`, by sign-in name.'
    )
    agent_pattern: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_.@:/+-]{0,64}\{name\}[A-Za-z0-9_.@:/+-]{0,64})?$",
        description="What it calls agents that are not in `agents`, e.g. PJSIP/{name}. Empty: they are not its own.",
    )
    queues: dict[str, AcdName] = Field(
        {}, max_length=1_000, description="What it calls each queue, where that is another name than ours."
    )
    connect_timeout: Duration = Field(timedelta(seconds=10), description="TCP and TLS must stand within this.")
    answer_timeout: Duration = Field(timedelta(seconds=5), description="Deadline of one action.")
    ping_interval: Duration = Field(timedelta(seconds=15), description="Silence that long, and it is asked for a sign.")
    resync_interval: Duration = Field(
        timedelta(minutes=5), description="The whole state is asked for this often, to correct what no event told."
    )
    refused_pause: Duration = Field(timedelta(seconds=60), description="After a refused login: the next attempt.")
    events_per_second: int = Field(
        2_000, ge=10, le=100_000, description="More than that for long are dropped, then the state is asked for."
    )


def _one_secret(secret: SecretStr, file: Path | None, name: str) -> None:
    if (file is not None) == bool(secret.get_secret_value()):
        raise ValueError(f"give either {name} or {name}_file")


class AmiSettings(FeedSettings):
    """Asterisk's Manager Interface."""

    kind: Literal["ami"] = Field(description="Asterisk.")
    port: int = Field(5038, ge=1, le=65535, description="manager.conf: port; with tls usually 5039.")
    user: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Section of manager.conf.")
    secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    secret_file: Path | None = Field(None, description="File with that secret, instead of secret.")
    login: Literal["challenge", "plain"] = Field(
        "challenge", description="challenge: the secret itself is not sent. plain: for proxies that know no other."
    )
    variable: str = Field(
        "VIDEO_CONTACT_ID",
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$",
        description="Channel variable into which the dialplan puts X-Video-Contact-Id.",
    )
    wrap_up_reasons: Words = Field(
        ("wrapup", "wrap-up", "acw"),
        max_length=20,
        description="Reasons of a pause that mean after-call work. The first is the one we set.",
    )
    queue_log: Path | None = Field(
        None, description="Asterisk's queue_log, where this machine can read it: read again after a cut."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        _one_secret(self.secret, self.secret_file, "secret")
        return self


class EslSettings(FeedSettings):
    """FreeSWITCH's event socket."""

    kind: Literal["esl"] = Field(description="FreeSWITCH.")
    port: int = Field(8021, ge=1, le=65535, description="event_socket.conf.xml: listen-port.")
    password: SecretStr = Field(SecretStr(""), description="Its password.")
    password_file: Path | None = Field(None, description="File with that password, instead of password.")
    header: str = Field(
        "X-Video-Contact-Id",
        pattern=r"^X-[A-Za-z0-9-]{1,60}$",
        description="SIP header with the correlation id; the variable sip_h_… is made of it.",
    )
    withdraw_to: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_.-]{1,64}( XML [A-Za-z0-9_.-]{1,64})?)?$",
        description="Where a call goes that we take out of its queue: `video-withdrawn XML default`. Empty: can't be.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        _one_secret(self.password, self.password_file, "password")
        return self


Feed = Annotated[AmiSettings | EslSettings, Field(discriminator="kind")]
FEED_KINDS: tuple[type[FeedSettings], ...] = (AmiSettings, EslSettings)
