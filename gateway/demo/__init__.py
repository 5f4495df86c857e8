"""`visavis demo`: a shop, two queues, a menu, two agents, an admin and a pilot group, made on the first start.

Only adds to what `visavis serve` does. Run again it finds everything there and makes new sign-in links.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from platformdirs import user_data_path
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from gateway.app import Node, run
from gateway.base.errors import SetupError
from gateway.config import LogSettings, QueueSettings, Settings, SiteSettings
from gateway.process import reason_of

PILOT: Final = "pilot"
SITES: Final = (SiteSettings(id="demo", name="Lumen & Co", menu="demo", pilot=PILOT),)
QUEUES: Final = (
    QueueSettings(id="sales", name="Sales", callback="offer"),
    QueueSettings(id="support", name="Support", callback="offer"),
)
AGENTS: Final = (
    ("alex", "Alex Martin", ("sales", "support")),
    ("sam", "Sam Rivera", ("sales", "support")),
)
ADMIN: Final = ("robin", "Robin Okafor")


def demo_settings(
    settings: Settings, environ: Mapping[str, str], *, port: int | None, data_dir: Path | None
) -> Settings:
    """The settings of the demo: what was set wins; the rest is what a first look needs."""
    update: dict[str, object] = {
        "sites": (*settings.sites, *(site for site in SITES if site.id not in {known.id for known in settings.sites})),
        "queues": (*settings.queues, *(queue for queue in QUEUES if queue.id not in {q.id for q in settings.queues})),
    }
    if data_dir is not None:
        update["data_dir"] = data_dir
    elif settings.data_dir == user_data_path("visavis"):
        update["data_dir"] = user_data_path("visavis-demo")
    if port is not None:
        update["http"] = settings.http.model_copy(update={"port": port})
    if not any(name.upper().startswith("VISAVIS_LOG") for name in environ):
        update["log"] = LogSettings(level="WARNING", json_lines=False)
    return settings.model_copy(update=update)


def run_demo(settings: Settings) -> None:
    """Run until a signal ends it. Raises SetupError."""
    run(settings, DemoOpening())


class DemoOpening:
    """Seeds the node and says where to look."""

    demo_shop = True

    def __init__(self) -> None:
        self._links: dict[str, str] = {}

    async def seed(self, node: Node) -> None:
        """Idempotent: accounts and group are made when missing, the menu is copied when missing."""
        _copy_menu(node.settings)
        agents = []
        for name, display_name, queues in AGENTS:
            account = await node.accounts.ensure_account(
                name=name, display_name=display_name, roles=["agent"], queues=list(queues)
            )
            if account.agent_id is not None:
                agents.append(account.agent_id)
            self._links[display_name] = await node.accounts.create_link(account.account_id)
        admin = await node.accounts.ensure_account(name=ADMIN[0], display_name=ADMIN[1], roles=["admin"], queues=[])
        self._links[ADMIN[1]] = await node.accounts.create_link(admin.account_id)
        await node.rollout.ensure_group(PILOT, name="Pilot", enabled=True, share_percent=100, agents=agents, by="demo")

    def announce(self, node: Node) -> None:
        """Print the addresses. Links are printed whole, so that they can be copied from any terminal."""
        console = Console()
        if console.is_terminal:
            headline = "[bold]Vis-à-vis[/] is running. Each sign-in link opens once, within an hour."
            console.print(Panel.fit(headline, border_style="cyan"))
        rows = [("The shop, as a customer", f"{node.url}/")]
        rows += [(f"Agent {name}", f"{node.url}/sign-in/#{self._links[name]}") for _, name, _ in AGENTS]
        rows.append((f"Admin {ADMIN[1]}", f"{node.url}/sign-in/#{self._links[ADMIN[1]]}"))
        for title, address in rows:
            console.print(f"  [bold]{escape(title):<26}[/] {escape(address)}", soft_wrap=True, highlight=False)
        console.print(
            "\nOpen the shop in one window and an agent in another (a private window keeps them apart). Press Ready, "
            "then Video call.\n"
            f"Robots prove it: visavis canary {node.url}     Data: {escape(str(node.settings.data_dir))}     "
            "Stop: Ctrl-C",
            soft_wrap=True,
            highlight=False,
        )


def _copy_menu(settings: Settings) -> None:
    folder = settings.menus_dir or settings.data_dir / "menus"
    target = folder / "demo.yaml"
    try:
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            text = (files("gateway.demo") / "menus" / "demo.yaml").read_text(encoding="utf-8")
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError("data_dir", f"The menu {target} can't be written: {reason_of(error)}.") from error
