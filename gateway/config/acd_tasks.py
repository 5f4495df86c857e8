"""`[[acds]]` of kind `tasks`: an ACD with an API, reached by webhooks in both directions."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from gateway.config.acd import AcdSection
from gateway.config.values import Duration, Words

LONGEST_CLAIM = timedelta(minutes=10)


class TaskAcdSettings(AcdSection):
    kind: Literal["tasks"] = Field("tasks", description="Task mode: signed HTTP calls out, webhooks in.")
    mapping: str = Field(
        "visavis", description="A shipped mapping (visavis, taskrouter, genesys) or the path of one of your own."
    )
    url: str = Field(
        pattern=r"^https?://[^\s?#@]+$", description="Address of the ACD's API; the mapping's paths follow it."
    )
    variables: Mapping[str, str] = Field({}, description="What the mapping's templates know as settings.…")
    auth: Literal["signature", "basic", "bearer", "oauth2"] = Field(
        "signature",
        description="How calls out are signed in: signature (HMAC of ours), basic (user, secret), bearer (secret), "
        "oauth2 (client credentials: user, secret, token_url).",
    )
    key_id: str = Field("1", pattern=r"^[A-Za-z0-9._-]{1,40}$", description="What our secret is called in Visavis-Key.")
    user: str = Field("", description="User of basic, client id of oauth2.")
    secret: SecretStr = Field(SecretStr(""), description="Secret of the calls out; for signatures 16 bytes or more.")
    secret_file: Path | None = Field(None, description="File with it, instead of secret.")
    token_url: str = Field("", pattern=r"^(https?://[^\s#@]+)?$", description="Where oauth2 gets its token.")
    incoming_auth: Literal["signature", "twilio", "header"] = Field(
        "signature",
        description="How webhooks in prove themselves: signature (as ours), twilio, header (a secret).",
    )
    incoming_key_id: str = Field("1", pattern=r"^[A-Za-z0-9._-]{1,40}$", description="Key id of incoming_secret.")
    incoming_secret: SecretStr = Field(SecretStr(""), description="Secret of the webhooks in; empty: none is taken.")
    incoming_secret_file: Path | None = Field(None, description="File with it, instead of incoming_secret.")
    former_key_id: str = Field("0", pattern=r"^[A-Za-z0-9._-]{1,40}$", description="Key id of former_secret.")
    former_secret: SecretStr = Field(SecretStr(""), description="The incoming secret before, while it is changed.")
    incoming_header: str = Field(
        "X-Api-Key", pattern=r"^[A-Za-z0-9-]{1,60}$", description="The header of incoming_auth header."
    )
    replay_window: Duration = Field(
        timedelta(minutes=5), description="How far a signature's timestamp may be from our clock."
    )
    timeout: Duration = Field(timedelta(seconds=5), description="One HTTP call, whole.")
    retry_first: Duration = Field(timedelta(milliseconds=500), description="Pause after a first failure; it doubles.")
    retry_last: Duration = Field(timedelta(seconds=30), description="The longest such pause.")
    give_up: Duration = Field(
        timedelta(hours=1), description="A command that fails for so long becomes a dead letter, which admins see."
    )
    breaker_failures: int = Field(5, ge=1, le=1000, description="So many failures in a row, and the ACD is left alone.")
    breaker_pause: Duration = Field(timedelta(seconds=5), description="For so long at first; up to a minute.")
    look_every: Duration = Field(
        timedelta(seconds=30),
        description="So often the ACD is asked of some tasks whether it still has them; 0s: only after a cut.",
    )
    gap_wait: Duration = Field(
        timedelta(seconds=2), description="An event whose number is missing is waited for this long."
    )
    outbox_limit: int = Field(
        5000, ge=10, le=100_000, description="Commands on their way; above it new contacts are refused."
    )
    connections: int = Field(8, ge=1, le=100, description="HTTP calls at once.")
    agents: Mapping[str, str] = Field({}, description="The ACD's name of an agent → agent id here, where they differ.")

    embed_origins: Words = Field(
        (),
        max_length=10,
        description="Origins of the agents' desktop: its pages may show the panel of one call, in a frame or a popup, "
        "by a claim that we send. Empty: nobody may, and no claims are made.",
    )
    panel_claim: Duration = Field(
        timedelta(minutes=1), description="How long such a claim may be used, once; at most 10 minutes."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.auth in ("basic", "oauth2") and not self.user:
            raise ValueError(f"auth {self.auth} needs user")
        if not timedelta(0) < self.panel_claim <= LONGEST_CLAIM:
            raise ValueError("panel_claim is more than 0 and at most 10 minutes")
        if self.auth == "oauth2" and not self.token_url:
            raise ValueError("auth oauth2 needs token_url")
        if self.secret.get_secret_value() and self.secret_file is not None:
            raise ValueError("give secret or secret_file, not both")
        if self.incoming_secret.get_secret_value() and self.incoming_secret_file is not None:
            raise ValueError("give incoming_secret or incoming_secret_file, not both")
        return self
