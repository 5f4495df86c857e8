"""What the settings of every foreign ACD have in common. The list of kinds is `gateway.config.acds`."""

from typing import Final

from pydantic import Field

from gateway.config.values import Section

OWN: Final = "own"
"""What queues call the gateway's own ACD. It needs no `[[acds]]` entry."""


class AcdSection(Section):
    """One `[[acds]]` entry. Each kind narrows `kind` to its own word."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="What `[[queues]] acd` names. `own` is taken.")
    kind: str = Field(description="What it is reached by; decides which further fields there are.")
