"""Plays scenarios, each on a stand of its own, and judges them."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.acd.kit.hands import NoHand
from gateway.acd.kit.invariants import Flaw, flaws
from gateway.acd.kit.log import Missed, trace
from gateway.acd.kit.room import Room
from gateway.acd.kit.scenario import Scenario
from gateway.acd.kit.stand import AtTarget, Stand
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
    NOT_RUN = "not_run"  # it would apply, and could not be played against this target


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
    target = stand if isinstance(stand, AtTarget) else None
    limit_s = SCENARIO_S if target is None else target.limit_s
    capabilities: AcdCapabilities | None = None
    why, outcome = "", Outcome.FAILED  # until it has passed: who is interrupted leaves something at the ACD too
    try:
        async with asyncio.timeout(limit_s):
            await stand.start(room.meet)
            capabilities = room.can
            left_out = _left_out(stand, target, scenario, capabilities)
            if left_out is not None:
                outcome, why = left_out
                return Result(scenario=scenario, outcome=outcome, why=why, capabilities=capabilities)
            await scenario.play(room)
            await room.tidy()
            await room.quiet()  # what is said too late is said within this
            outcome = Outcome.PASSED
    except Missed as missed:
        outcome, why = Outcome.FAILED, str(missed)
    except NoHand as nobody:
        outcome, why = Outcome.NOT_RUN, str(nobody)
    except TimeoutError:
        outcome, why = Outcome.FAILED, f"the scenario did not end within {limit_s:g} s"
    except GatewayError as error:
        outcome, why = Outcome.FAILED, f"the adapter raised {type(error).__name__} {error.code}: {error.detail}"
    except Exception as error:  # noqa: BLE001 - top of a scenario: a fault of the adapter, shown with its trace
        _log.error("acd_kit.fault", scenario=scenario.name, exc_info=error)
        outcome, why = Outcome.FAILED, f"the adapter raised {type(error).__name__}: {error}"
    finally:
        entries = list(room.log.entries)
        try:
            if target is not None and capabilities is not None and outcome is not Outcome.PASSED:
                await room.leave_nothing()
        finally:
            await stand.aclose()
    found = tuple(flaws(entries, capabilities, stand.said)) if capabilities is not None else ()
    if found and outcome is Outcome.PASSED:
        outcome, why = Outcome.FAILED, f"{found[0].rule}: {found[0].text}"
    evidence = target is not None or outcome is Outcome.FAILED
    return Result(
        scenario=scenario,
        outcome=outcome,
        why=why,
        flaws=found if outcome is Outcome.FAILED else (),
        trace=tuple(trace(entries)[:TRACE_LINES]) if evidence else (),
        capabilities=capabilities,
    )


def _left_out(
    stand: Stand, target: AtTarget | None, scenario: Scenario, capabilities: AcdCapabilities
) -> tuple[Outcome, str] | None:
    excluded = scenario.excluded(capabilities)
    if excluded is not None:
        return Outcome.NOT_APPLICABLE, excluded
    if target is None:
        beyond = scenario.beyond(stand.can)
        return None if beyond is None else (Outcome.NOT_APPLICABLE, beyond)
    unplayed = target.not_run(scenario.needs, scenario.hand, capabilities)
    return None if unplayed is None else (Outcome.NOT_RUN, unplayed)
