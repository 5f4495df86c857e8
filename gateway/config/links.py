"""Settings of links that bring a customer into a video call."""

from datetime import timedelta

from pydantic import Field

from gateway.config.values import Duration, Section


class LinkSettings(Section):
    lasts: Duration = Field(
        timedelta(minutes=15), description="A link that an agent sends during a telephone call opens for so long."
    )
