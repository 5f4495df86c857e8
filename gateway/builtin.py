"""What is there beside the operator's settings: the sites, menus, queues and the ACD of robots, and the queue of links.

Owns their names and that nobody else has them. Knows no contact.
"""

from collections.abc import Sequence
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from gateway.acd import outside
from gateway.base.errors import SetupError
from gateway.config import QueueSettings, Settings, SiteSettings
from gateway.config.acd_sip import SipAcdSettings, SipTrunkSettings
from gateway.menu.interpreter import MenuRun
from gateway.menu.library import MenuLibrary, load_menu, load_menus

CANARY: Final = "canary"
"""The built-in site, menu and queue of `visavis canary`."""

CANARY_SIP: Final = "canary-sip"
"""The same, and the ACD, of `visavis canary --mode sip`; only where `canary.sip_acd` says who is called."""

ROBOTS: Final = frozenset({CANARY, CANARY_SIP})

UNLISTED: Final = ROBOTS | {outside.QUEUE}
"""Queues that nobody is shown to choose from, and nobody can send a contact to."""


def with_canary(settings: Settings) -> Settings:
    """The settings with the built-in site and queue of the robots. SetupError when the names are taken."""
    taken = {*(site.id for site in settings.sites), *(queue.id for queue in settings.queues)}
    taken |= {acd.name for acd in settings.acds if acd.name != CANARY}
    if ROBOTS & taken:
        name = min(ROBOTS & taken)
        raise SetupError("canary_reserved", f"A site, queue or ACD can't be called {name}: robots have that name.")
    if outside.QUEUE in taken:
        raise SetupError("link_queue_reserved", f"A queue can't be called {outside.QUEUE}: links have that name.")
    if switch := settings.canary.sip_acd:
        trunk = SipTrunkSettings(
            name="switch",
            domain=switch,
            caller="canary",
            capacity=50,
            probe_interval=timedelta(0),  # it is there while robots are; it must not count as silent when they come
        )
        acd = SipAcdSettings(name=CANARY_SIP, trunks=(trunk,), numbers={CANARY_SIP: "canary"})
        settings = settings.model_copy(
            update={
                "sites": (*settings.sites, SiteSettings(id=CANARY_SIP, name="Canary by telephone", menu=CANARY_SIP)),
                "queues": (*settings.queues, QueueSettings(id=CANARY_SIP, name="Canary", acd=CANARY_SIP)),
                "acds": (*settings.acds, acd),
            }
        )
    return settings.model_copy(
        update={
            "sites": (*settings.sites, SiteSettings(id=CANARY, name="Canary", menu=CANARY)),
            "queues": (
                *settings.queues,
                QueueSettings(id=CANARY, name="Canary"),
                QueueSettings(id=outside.QUEUE, name="Video link", acd=outside.NAME),
            ),
        }
    )


class Menus:
    """The operator's menus, and the built-in one of the robots."""

    def __init__(self, own: MenuLibrary, built_in: MenuLibrary) -> None:
        self._own = own
        self._built_in = built_in

    def run(self, name: str, language: str) -> MenuRun:
        return (self._built_in if name in ROBOTS else self._own).run(name, language)


def load_all_menus(settings: Settings, data_dir: Path, clips: Sequence[str]) -> Menus:
    """Every menu that a site names, checked. SetupError with file and line for one that is not sound."""
    folder = settings.menus_dir or data_dir / "menus"
    queues = {queue.id for queue in settings.queues}
    own = load_menus(folder, queues, clips)
    for site in settings.sites:
        if site.id not in ROBOTS and site.menu not in own.names:
            raise SetupError(
                "menu_missing",
                f"The site {site.id} uses the menu {site.menu}, but there is no {folder / site.menu}.yaml.",
            )
    with as_file(files("gateway.canary")) as folder:
        names = [name for name in ROBOTS if name in queues]
        return Menus(own, MenuLibrary({name: load_menu(folder / f"{name}.yaml", queues, clips) for name in names}))
