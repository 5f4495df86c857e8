"""Settings of links that bring a customer into a video call."""

from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.base.signing import LEAST_SECRET_BYTES
from gateway.config.values import Duration, Section


class ReminderSettings(Section):
    url: str = Field("", description="Who is reminded of links for a time (signed JSON by POST). Empty: nobody.")
    secret: SecretStr = Field(SecretStr(""), description="Signs every request; at least 16 characters.")
    before: Duration = Field(
        timedelta(minutes=10), ge=timedelta(0), le=timedelta(days=7), description="So long before the link opens."
    )
    timeout: Duration = Field(
        timedelta(seconds=10), gt=timedelta(0), le=timedelta(seconds=50), description="One request."
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
        if self.url and given < LEAST_SECRET_BYTES:
            raise ValueError(f"links.reminder needs a secret of at least {LEAST_SECRET_BYTES} characters")
        return self


class LinkSettings(Section):
    lasts: Duration = Field(
        timedelta(minutes=15), description="A link that an agent sends during a telephone call opens for so long."
    )
    reminder: ReminderSettings = ReminderSettings()
