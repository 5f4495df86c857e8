"""Settings: every knob with its unit, default and reason. Read from `visavis.toml`, then the environment (`VISAVIS_…`).

`VISAVIS_HTTP__PORT=8081` sets `http.port`. Durations are written `20s`, `5m`, `2h`, `500ms` or plain seconds; lists of
words are written with commas. This module says what can be set; `gateway.cli.settings` reads, explains and prints it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.config.acd import OWN
from gateway.config.acds import AcdSettings, check_acds
from gateway.config.canary import CanarySettings
from gateway.config.crm import CrmSettings
from gateway.config.links import LinkSettings
from gateway.config.own import CapacitySettings, QueueRouting, check_queues
from gateway.config.values import Duration, Section, Words
from gateway.config.voice import VoiceSettings


class HttpSettings(Section):
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port of the web server; 0 lets the system choose.")
    public_url: str = Field(
        "", description="What browsers call us, e.g. https://video.example. Empty: http://host:port."
    )
    trusted_proxies: Words = Field((), description="Addresses whose X-Forwarded-For is believed.")
    metrics_token: SecretStr = Field(SecretStr(""), description="Bearer token for /metrics; empty: loopback only.")
    max_connections: int = Field(2000, ge=10, description="WebSockets at once; further ones are told to come back.")
    drain_grace: Duration = Field(timedelta(hours=2), description="After SIGTERM calls may run on this long.")


class MediaSettings(Section):
    host: str = Field("", description="Address the media socket binds; empty means every address, IPv4 and IPv6.")
    port: int = Field(5000, ge=0, le=65535, description="The UDP port of all media; 0 lets the system choose.")
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=64)] = Field(
        1,
        description="Media processes, one UDP port each from `media.port` up; auto: one per core as far as there is "
        "work; 0: media in the gateway's own process.",
    )
    worker_memory_bytes: int = Field(
        1_000_000_000,
        ge=0,
        description="A media process larger than this is ended and its calls come back; 0: no limit.",
    )
    worker_recycle_calls: int = Field(
        10_000, ge=0, description="After so many calls a media process is replaced once it is empty; 0: never."
    )
    announce: Words = Field((), description="Public addresses told to browsers (NAT, containers). Empty: own.")
    max_legs: int = Field(240, ge=2, description="Browsers connected at once; two per call.")
    leg_bitrate_bps: int = Field(2_500_000, ge=100_000, description="Told to browsers and enforced with headroom.")
    setup_timeout: Duration = Field(timedelta(seconds=20), description="ICE and DTLS must be done within this.")
    silence_timeout: Duration = Field(timedelta(seconds=6), description="No packet at all for this long: silent.")
    consent_timeout: Duration = Field(timedelta(seconds=30), description="No valid check: consent lost (RFC 7675).")
    close_timeout: Duration = Field(timedelta(seconds=5), description="A leg is gone this long after closing began.")
    turn_urls: Words = Field(
        (),
        description="TURN server for networks that block UDP, e.g. turn:turn.example:3478?transport=tcp, "
        "turns:turn.example:443?transport=tcp. Empty: none.",
    )
    turn_secret: SecretStr = Field(SecretStr(""), description="The secret shared with it (coturn: static-auth-secret).")
    turn_secret_file: Path | None = Field(None, description="File with that secret, instead of turn_secret.")
    turn_lifetime: Duration = Field(
        timedelta(minutes=15), description="Credentials made for a page begin a connection within this."
    )


class LiveSettings(Section):
    url: SecretStr = Field(
        SecretStr("memory://"), description="Live state: memory:// (embedded), redis://, rediss://, unix://."
    )
    timeout: Duration = Field(timedelta(seconds=1.5), description="No caller waits longer for the live state.")
    prefix: str = Field("visavis", pattern=r"^[a-z0-9_-]{1,32}$", description="First part of every key.")


class RecordsSettings(Section):
    url: SecretStr = Field(SecretStr(""), description="SQLAlchemy URL; empty means SQLite in the data folder.")
    outbox_limit: int = Field(
        50_000, ge=100, description="Journal events kept while SQL is away; then contacts are refused."
    )


class ContactSettings(Section):
    max_contacts: int = Field(400, ge=1, description="Contacts at once on this node; further ones are told it is full.")
    setup_timeout: Duration = Field(timedelta(seconds=30), description="From the click until the menu or the queue.")
    menu_idle: Duration = Field(timedelta(seconds=90), description="A menu node without an answer.")
    max_wait: Duration = Field(timedelta(minutes=30), description="Longest wait in a queue.")
    offer_timeout: Duration = Field(timedelta(seconds=20), description="Ringing time before RONA.")
    bridge_timeout: Duration = Field(timedelta(seconds=20), description="From accept until both sides are connected.")
    max_duration: Duration = Field(timedelta(hours=4), description="Longest call.")
    wrap_up: Duration = Field(timedelta(minutes=2), description="After-call work before the contact closes by itself.")
    customer_grace: Duration = Field(
        timedelta(seconds=60), description="A customer whose network is gone may come back."
    )
    agent_grace: Duration = Field(timedelta(seconds=60), description="The same for an agent in a call.")
    presence_grace: Duration = Field(
        timedelta(seconds=15), description="A ready agent without a panel stays ready this long."
    )
    ringing_grace: Duration = Field(
        timedelta(seconds=2), description="A ringing agent without a panel: then the next one."
    )
    claim_timeout: Duration = Field(
        timedelta(minutes=2),
        description="Where the ACD carries the voice: this long after it answered without an agent claiming the video "
        "the customer is told that the call goes on by voice. It may still be claimed.",
    )
    transfer_timeout: Duration = Field(
        timedelta(seconds=30), description="A transfer by the center's ACD; then the call is as it was."
    )
    claim_attempts: int = Field(
        5,
        ge=1,
        description="Wrong claim ids of one agent in a minute, from one address ten times as many; then they wait.",
    )
    dispositions: Words = Field(
        ("resolved", "follow_up", "sale", "complaint", "technical_problem", "other"),
        min_length=1,
        max_length=50,
        description="Wrap-up codes.",
    )


RecordingPolicy = Literal["off", "on_request", "always_with_notice", "always_with_consent"]
_POLICY_OF_CONSENT: dict[str, RecordingPolicy] = {
    "off": "off",
    "notice": "always_with_notice",
    "ask": "always_with_consent",
}


class RecordingStoreSettings(Section):
    url: str = Field(
        "", description="Where sealed recordings are kept: a folder or s3://bucket/prefix. Empty: `<data_dir>/vault`."
    )
    region: str = Field("", description="Region of the bucket.")
    endpoint: str = Field("", description="Address of an S3 server that is not Amazon's.")
    access_key: SecretStr = Field(SecretStr(""), description="Empty: from AWS_… variables or the machine's role.")
    secret_key: SecretStr = Field(SecretStr(""), description="Of the access key.")
    spool_limit_bytes: int = Field(
        20_000_000_000,
        ge=100_000_000,
        description="Sealed recordings that wait on this disk for the store; above it no new recording starts.",
    )


class RecordingSettings(Section):
    policy: RecordingPolicy = Field(
        "always_with_notice",
        description="Which calls are recorded, where the queue does not say: off; on_request (somebody starts it, the "
        "customer is asked then); always_with_notice (shown before); always_with_consent (asked, only after a yes).",
    )
    notice_version: str = Field(
        "1", max_length=40, description="Version of the recording notice and question, kept with each answer."
    )
    withdrawn: Literal["delete", "keep"] = Field(
        "delete", description="What was recorded before consent was withdrawn: deleted at once, or kept."
    )
    retention_days: int = Field(
        90, ge=0, le=36_500, description="A recording is erased after so many days; 0: never. Queues may differ."
    )
    keys_file: Path | None = Field(
        None, description="Master keys, mode 0600; made when it is missing. Empty: `<data_dir>/recording.keys`."
    )
    master_keys: SecretStr = Field(
        SecretStr(""),
        description="In place of the file: `id base64`, commas between them; the first wraps.",
    )
    pause_limit: Duration = Field(
        timedelta(minutes=10), description="A pause that nobody ends is ended after this, with an alarm."
    )
    min_free_bytes: int = Field(
        500_000_000,
        ge=0,
        description="Below this much free disk no new recording starts; below a quarter of it those that run end.",
    )
    finalisers: int = Field(1, ge=1, le=8, description="Finalising jobs at once.")
    finalise_timeout: Duration = Field(
        timedelta(minutes=30), description="A finalising job that takes longer is stopped."
    )
    store: RecordingStoreSettings = RecordingStoreSettings()

    @model_validator(mode="before")
    @classmethod
    def _consent_became_policy(cls, values: Any) -> Any:
        """`recording.consent` of earlier versions is read as the policy it stood for."""
        if not isinstance(values, dict) or "consent" not in values:
            return values
        consent = values["consent"]
        policy = _POLICY_OF_CONSENT.get(consent) if isinstance(consent, str) else None
        if policy is None:
            raise ValueError("recording.consent is now recording.policy, and was off, notice or ask")
        if values.get("policy", policy) != policy:
            raise ValueError("recording.consent is now recording.policy: remove recording.consent")
        return {name: value for name, value in values.items() if name != "consent"} | {"policy": policy}


class LimitSettings(Section):
    message_bytes: int = Field(65_536, ge=4096, description="Largest WebSocket message.")
    messages_per_second: float = Field(20, gt=0, description="Per socket, sustained.")
    message_burst: int = Field(60, ge=1, description="Per socket, at once.")
    entries_per_minute: int = Field(30, ge=1, description="New contacts per address.")
    sign_ins_per_quarter: int = Field(10, ge=1, description="Failed sign-ins per account and address in 15 minutes.")
    outbox_messages: int = Field(256, ge=16, description="Unacknowledged messages kept per session for a resume.")


class SessionSettings(Section):
    agent_absolute: Duration = Field(timedelta(hours=12), description="A sign-in ends after this.")
    agent_idle: Duration = Field(
        timedelta(minutes=30), description="A sign-in without a request or panel ends after this."
    )
    entry_token: Duration = Field(timedelta(minutes=10), description="Time from the entry token to the WebSocket.")


class SiteSettings(Section):
    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="What the widget names: `<video-call site=…>`.")
    name: str = Field(max_length=80, description="What people read.")
    origins: Words = Field((), description="Origins of the pages that embed the widget.")
    menu: str = Field("main", description="Menu document (`<menus>/<name>.yaml`).")
    pilot: str = Field("", description="Pilot group that decides who is offered video; empty: everybody.")
    identity_secret: SecretStr = Field(
        SecretStr(""), description="Signs the tokens by which the site says who a customer is (HS256). Empty: it can't."
    )
    identity_realm: str = Field(
        "",
        pattern=r"^[a-z0-9-]{0,40}$",
        description="Sites of one realm have the same customers. Empty: the site's own.",
    )

    @field_validator("identity_secret")
    @classmethod
    def _can_not_be_guessed(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value().encode()) < 32:  # RFC 7518 §3.2: as long as the digest
            raise ValueError("a secret for HS256 has at least 32 characters")
        return secret


class QueueSettings(QueueRouting):
    recording: RecordingPolicy | None = Field(None, description="Its own `recording.policy`; empty: the general one.")
    retention_days: int | None = Field(
        None, ge=0, le=36_500, description="Its own `recording.retention_days`; empty: the general one."
    )
    acd: str = Field(OWN, description="Who distributes its contacts: `own`, or the name of an `[[acds]]` entry.")


class TokenSettings(Section):
    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="Who uses it; written into the audit.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the token, as `visavis token` prints it.")
    scopes: tuple[Literal["recording.control", "links.create"], ...] = Field(
        min_length=1, description="What it is good for."
    )


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lines below this are not written.")
    json_lines: bool = Field(True, description="JSON lines; false: aligned text for a terminal.")


class Settings(BaseSettings):
    """All settings of one node."""

    model_config = SettingsConfigDict(
        env_prefix="VISAVIS_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file="visavis.toml"
    )

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("visavis"), description="Records, recordings, secrets."
    )
    menus_dir: Path | None = Field(None, description="Folder of menu documents; empty: `<data_dir>/menus`.")
    http: HttpSettings = HttpSettings()
    media: MediaSettings = MediaSettings()
    voice: VoiceSettings = VoiceSettings()
    live: LiveSettings = LiveSettings()
    records: RecordsSettings = RecordsSettings()
    contacts: ContactSettings = ContactSettings()
    recording: RecordingSettings = RecordingSettings()
    limits: LimitSettings = LimitSettings()
    sessions: SessionSettings = SessionSettings()
    log: LogSettings = LogSettings()
    capacity: CapacitySettings = CapacitySettings()
    crm: CrmSettings = CrmSettings()
    links: LinkSettings = LinkSettings()
    canary: CanarySettings = CanarySettings()
    sites: tuple[SiteSettings, ...] = Field((), description="Websites that offer video, one `[[sites]]` each.")
    queues: tuple[QueueSettings, ...] = Field((), description="Queues that contacts wait in, one `[[queues]]` each.")
    acds: tuple[AcdSettings, ...] = Field((), description="Foreign ACDs that queues may name, one `[[acds]]` each.")
    api_tokens: tuple[TokenSettings, ...] = Field((), description="Tokens of other systems, one `[[api_tokens]]` each.")

    @model_validator(mode="after")
    def _queues_fit(self) -> Self:
        check_acds(self.acds, {queue.id: queue.acd for queue in self.queues})
        check_queues(self.queues)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
