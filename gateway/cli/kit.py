"""The options of `visavis acd-kit` as a plan: which target, whose secrets, whose hands. Plays nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from gateway.acd.kit.command import KitPlan, RealTarget, check_adapter
from gateway.acd.kit.hands import hands
from gateway.acd.kit.target import SIMULATOR, read_target
from gateway.base.errors import SetupError
from gateway.cli.settings import load_settings
from gateway.config.acd import AcdSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """As it was typed."""

    adapter: str
    target: str
    only: tuple[str, ...]
    acd: str
    call: str
    queue: str
    agents: tuple[str, ...]
    listen: str
    public_url: str
    unattended: bool
    wait_s: float
    patience_s: float
    config: Path | None


def plan_of(wish: Wish, environ: Mapping[str, str], console: Console) -> KitPlan:
    """SetupError: `kit_adapter`, `kit_target…`, `kit_acd`, `kit_no_terminal`, and those of the settings."""
    check_adapter(wish.adapter)
    if wish.target == SIMULATOR:
        return KitPlan(adapter=wish.adapter, only=wish.only)
    from gateway.wiring.targets import Aim, open_bench  # takes the media engine with it

    aim = Aim(
        target=read_target(wish.adapter, wish.target),
        call=read_target("sip", wish.call) if wish.call else None,
        queue=wish.queue,
        agents=wish.agents[:2],
        entry=_entry(wish, environ),
        listen=wish.listen,
        public_url=wish.public_url,
        environ=environ,
    )
    return KitPlan(
        adapter=wish.adapter,
        target=wish.target,
        only=wish.only,
        real=RealTarget(
            reach=partial(open_bench, aim),
            hands=hands(unattended=wish.unattended, console=console, patience_s=wish.patience_s),
            wait_s=wish.wait_s,
            patience_s=wish.patience_s,
        ),
    )


def _entry(wish: Wish, environ: Mapping[str, str]) -> AcdSection | None:
    if not wish.acd:
        return None
    acds = load_settings(environ, wish.config).acds
    found = next((acd for acd in acds if acd.name == wish.acd), None)
    if found is None:
        names = ", ".join(acd.name for acd in acds) or "none"
        raise SetupError("kit_acd", f"The settings have no acds entry {wish.acd}; there are: {names}.")
    return found
