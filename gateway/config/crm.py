"""Settings of customers: how they are known again, how long what was done for them is kept, and a CRM outside."""

from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.base.signing import LEAST_SECRET_BYTES
from gateway.config.values import Duration, Section


class CrmWebhookSettings(Section):
    url: str = Field(
        "", description="Where customers are asked for and interactions are told (signed JSON by POST). Empty: nowhere."
    )
    secret: SecretStr = Field(SecretStr(""), description="Signs every request; at least 16 characters.")
    secret_file: Path | None = Field(None, description="File with that secret, instead of secret.")
    authorization: SecretStr = Field(
        SecretStr(""), description="Sent as the header Authorization, e.g. `Bearer …`. Empty: none."
    )
    find: bool = Field(True, description="Ask it who the customer is.")
    log: bool = Field(True, description="Tell it every interaction.")
    timeout: Duration = Field(timedelta(seconds=10), description="One request; no contact ever waits for it.")
    give_up: Duration = Field(
        timedelta(days=3), description="An interaction that could not be told for so long is left for a person."
    )
    outbox_limit: int = Field(
        10_000, ge=100, description="Interactions that wait to be told; beyond it the oldest are left for a person."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None):
            raise ValueError("write it as https://host/path, without a name or password in it")
        return url

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        given = len(self.secret.get_secret_value().encode())
        if self.url and self.secret_file is None and given < LEAST_SECRET_BYTES:
            raise ValueError(f"crm.webhook needs a secret of at least {LEAST_SECRET_BYTES} characters")
        return self


class CrmSettings(Section):
    key_secret: SecretStr = Field(
        SecretStr(""),
        description="What customers are known by is kept as a digest with this; all nodes have the same. "
        "Empty: made once, in `<data_dir>/crm.key`.",
    )
    recognise_browsers: bool = Field(
        True, description="A visitor nobody has named is known again by the browser, as long as it keeps its storage."
    )
    retention_days: int = Field(
        365,
        ge=0,
        le=36_500,
        description="What was done for a customer, and what was written in calls, is forgotten after so many days; "
        "0: never.",
    )
    webhook: CrmWebhookSettings = CrmWebhookSettings()

    @field_validator("retention_days")
    @classmethod
    def _outlives_the_look_back(cls, days: int) -> int:
        if 0 < days < 8:  # what ended within a week and is in no timeline is written down (again)
            raise ValueError("keep it for at least 8 days, or 0 for ever")
        return days

    @field_validator("key_secret")
    @classmethod
    def _can_not_be_guessed(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value().encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"it has at least {LEAST_SECRET_BYTES} characters")
        return secret
