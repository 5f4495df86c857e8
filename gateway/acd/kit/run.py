"""Plays scenarios, each on a stand of its own, and judges them."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.acd.kit.invariants import Flaw, flaws
from gateway.acd.kit.log import Missed, trace
from gateway.acd.kit.room import Room
from gateway.acd.kit.scenario import Scenario
from gateway.acd.kit.stand import Stand
from gateway.acd.port import AcdCapabilities
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError
from gateway.base.log import get_logger

_log = get_logger("acd-kit")

SCENARIO_S: Final = 60.0
"""A scenario that has not ended by then has failed."""

TRACE_LINES: Final = 400


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    scenario: Scenario
    outcome: Outcome
    why: str = ""
    flaws: tuple[Flaw, ...] = ()
    trace: tuple[str, ...] = field(default=(), repr=False)
    capabilities: AcdCapabilities | None = None


async def play(stand: Stand, scenario: Scenario, clock: Clock) -> Result:
    """One scenario. Whatever the adapter raises is its failure, not the kit's."""
    room = Room(stand, clock)
    capabilities: AcdCapabilities | None = None
    why = ""
    try:
        async with asyncio.timeout(SCENARIO_S):
            await stand.start(room.meet)
            capabilities = room.can
            excluded = scenario.excluded(capabilities, stand.can)
            if excluded is not None:
                return Result(
                    scenario=scenario, outcome=Outcome.NOT_APPLICABLE, why=excluded, capabilities=capabilities
                )
            await scenario.play(room)
            await room.tidy()
            await room.quiet()  # what is said too late is said within this
    except Missed as missed:
        why = str(missed)
    except TimeoutError:
        why = f"the scenario did not end within {SCENARIO_S:g} s"
    except GatewayError as error:
        why = f"the adapter raised {type(error).__name__} {error.code}: {error.detail}"
    except Exception as error:  # noqa: BLE001 - top of a scenario: a fault of the adapter, shown with its trace
        _log.error("acd_kit.fault", scenario=scenario.name, exc_info=error)
        why = f"the adapter raised {type(error).__name__}: {error}"
    finally:
        await stand.aclose()
    found = tuple(flaws(room.log.entries, capabilities, stand.said)) if capabilities is not None else ()
    failed = bool(why or found)
    return Result(
        scenario=scenario,
        outcome=Outcome.FAILED if failed else Outcome.PASSED,
        why=why or (f"{found[0].rule}: {found[0].text}" if found else ""),
        flaws=found,
        trace=tuple(trace(room.log.entries)[:TRACE_LINES]) if failed else (),
        capabilities=capabilities,
    )
