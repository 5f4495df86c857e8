"""`[[acds]]`: the foreign ACDs of a center, told apart by `kind`, and which queue is served by which.

A new kind is a subclass of `AcdSection` in a module of its own and one line in `KINDS`.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from gateway.config.acd import OWN, AcdSection
from gateway.config.acd_sip import SipAcdSettings
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.config.values import Section

KINDS: Final[tuple[type[AcdSection], ...]] = (SipAcdSettings, TaskAcdSettings)


def word_of(model: type[Section]) -> str:
    """The `kind` by which settings choose this class."""
    (word,) = get_args(model.model_fields["kind"].annotation)
    return str(word)


class ByKind:
    """Reads an entry with the class that its `kind` names; errors carry the place of the field that is wrong."""

    def __init__(self, kinds: Iterable[type[AcdSection]]) -> None:
        self._kinds: Mapping[str, type[AcdSection]] = {word_of(model): model for model in kinds}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Hashable, CoreSchema] = {w: handler.generate_schema(model) for w, model in self._kinds.items()}
        return core_schema.tagged_union_schema(choices=choices, discriminator="kind")


AcdSettings = Annotated[AcdSection, ByKind(KINDS)]


def check_acds(acds: Sequence[AcdSection], acd_of: Mapping[str, str]) -> None:
    """Names are unique and every queue's ACD (`acd_of`: queue → name) exists. ValueError says which does not."""
    names = [acd.name for acd in acds]
    if OWN in names:
        raise ValueError("acds: `own` is the name of the gateway's own ACD; call this one something else")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"acds: two are called {name}; give each a name of its own")
    for queue, name in acd_of.items():
        if name != OWN and name not in names:
            known = ", ".join([OWN, *names])
            raise ValueError(f"queues: {queue} has acd = {name!r}, and there is no such one in acds ({known})")
