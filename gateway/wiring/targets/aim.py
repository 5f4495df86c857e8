"""What the command line says of a target, and what both kinds of target do with it."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from gateway.acd.kit.target import Target
from gateway.base.errors import SetupError
from gateway.config.acd import AcdSection
from gateway.config.values import Section

REACH_S: Final = 5.0
"""A port that answers at all has answered by then; a feed is logged in within twice that."""

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What the command line says. `entry`: the `[[acds]]` entry whose secrets and ways are used."""

    target: Target
    call: Target | None = None  # where the queue is called, when the target is a feed
    queue: str = ""  # what the ACD calls it
    agents: tuple[str, ...] = ()  # what it calls two agents
    entry: AcdSection | None = None
    listen: str = "127.0.0.1:0"  # for the webhooks of an ACD in task mode
    public_url: str = ""  # as that ACD calls it; empty: as we listen
    environ: Mapping[str, str] = field(default_factory=dict)


def entry_of(aim: Aim, kind: type[S]) -> S | None:
    """The entry that was named. SetupError (`kit_acd_kind`) when it is of another kind."""
    if aim.entry is None:
        return None
    if not isinstance(aim.entry, kind):
        raise SetupError("kit_acd_kind", f"That acds entry is of kind {aim.entry.kind}: the adapter is another one.")
    return aim.entry


def given_in(section: Section) -> dict[str, Any]:
    """What was set in it, as it may be set again."""
    return {name: getattr(section, name) for name in section.model_fields_set}


def checked(kind: type[S], given: Mapping[str, Any]) -> S:
    """SetupError without any value: it may be a secret."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        flaw = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in flaw["loc"])
        raise SetupError("kit_settings", f"What the target is given does not fit: {where}: {flaw['msg']}.") from None


async def reach(target: Target) -> None:
    """SetupError (`kit_unreachable`) when nobody listens there."""
    try:
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError) as error:
        why = "no answer" if isinstance(error, TimeoutError) else (error.strerror or type(error).__name__)
        raise SetupError("kit_unreachable", f"Nobody answers at {target.host}:{target.port}: {why}.") from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
