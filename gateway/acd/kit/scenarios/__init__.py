"""The scenarios, in the order they are shown."""

from types import ModuleType
from typing import Final

from gateway.acd.kit.scenario import Scenario
from gateway.acd.kit.scenarios import abandons, agents, answers, crowd, faults, moves, oddities, ordinary


def _of(module: ModuleType) -> list[Scenario]:
    return [thing for thing in vars(module).values() if isinstance(thing, Scenario)]


ALL: Final[tuple[Scenario, ...]] = tuple(
    each for module in (ordinary, abandons, answers, moves, agents, oddities, faults, crowd) for each in _of(module)
)
