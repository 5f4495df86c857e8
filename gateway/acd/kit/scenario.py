"""What a scenario is, and when an adapter's abilities exclude it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.acd.kit.room import Room
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import AcdCapabilities, AcdMode

When = Callable[[AcdCapabilities], str | None]
"""None when a scenario is for such an ACD, else why it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`play` raises Missed when the adapter does not do what it must."""

    name: str
    group: str
    about: str
    play: Callable[[Room], Awaitable[None]]
    needs: frozenset[Act]  # of the stand
    when: tuple[When, ...]
    hand: Hand

    def excluded(self, capabilities: AcdCapabilities) -> str | None:
        """Why it is not for such an ACD; None when it is."""
        return next((why for rule in self.when if (why := rule(capabilities)) is not None), None)

    def beyond(self, can: frozenset[Act]) -> str | None:
        """What a stand that can do this lacks for it; None when it lacks nothing."""
        missing = sorted(self.needs - can)
        return f"the stand can't do: {', '.join(missing)}" if missing else None


def scenario(
    *needs: Act, when: tuple[When, ...] = (), hand: Hand = Hand.AGENT
) -> Callable[[Callable[[Room], Awaitable[None]]], Scenario]:
    """Make a function a scenario: its name is the scenario's, its docstring says what must hold, its module is the
    group. `hand`: who takes part at a real ACD."""

    def make(play: Callable[[Room], Awaitable[None]]) -> Scenario:
        return Scenario(
            name=play.__name__.replace("_", "-"),
            group=play.__module__.rpartition(".")[2],
            about=" ".join((play.__doc__ or "").split()),
            play=play,
            needs=frozenset(needs),
            when=when,
            hand=hand,
        )

    return make


# ---------------------------------------------------------------- for which ACDs


def rings(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.tells_agent else "the ACD does not say at whom a contact rings"


def we_answer(capabilities: AcdCapabilities) -> str | None:
    return "in call mode the agent answers on the phone" if capabilities.mode is AcdMode.CALL else None


def acd_gives_up(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.keeps_deadlines else "deadlines of offers are the gateway's"


def we_give_up(capabilities: AcdCapabilities) -> str | None:
    return "deadlines of offers are the ACD's" if capabilities.keeps_deadlines else None


def positions(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.gives_position else "the ACD tells no place in line"


def holds(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.holds else "hold is the gateway's"


def wraps_up(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.wraps_up else "after-call work is the gateway's"


def tells_agents(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.tells_agent_state else "the ACD tells no agent's state"


def foreign(capabilities: AcdCapabilities) -> str | None:
    return "nothing lies between the gateway and its own ACD" if capabilities.mode is AcdMode.OWN else None


def call_mode(capabilities: AcdCapabilities) -> str | None:
    return None if capabilities.mode is AcdMode.CALL else "there is no call to answer in this mode"


def no_calls(capabilities: AcdCapabilities) -> str | None:
    return "calls go on without the line that is cut" if capabilities.mode is AcdMode.CALL else None
