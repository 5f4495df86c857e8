"""What a node keeps in its data folder from one start to the next: its secrets and its name."""

from collections.abc import Callable
from pathlib import Path

from gateway import runtime
from gateway.accounts.service import new_token
from gateway.base.errors import SetupError
from gateway.base.ids import new_id
from gateway.config import Settings
from gateway.crm.keys import KeyMaker
from gateway.process import reason_of


def secret(path: Path) -> str:
    """The secret in that file; a new one on the first start."""
    return _kept(path, new_token)


def customer_keys(settings: Settings, data_dir: Path) -> KeyMaker:
    """How customers are known here. Nodes with one database have one secret: then it is in the settings."""
    known = settings.crm.key_secret.get_secret_value() or secret(data_dir / "crm.key")
    return KeyMaker(known, browsers=settings.crm.recognise_browsers)


def node_name(data_dir: Path) -> str:
    """This node's name in the live state, the same after a restart: so it finds what it left behind there."""
    return _kept(data_dir / "node.id", lambda: new_id("nd"))


def _kept(path: Path, make: Callable[[], str]) -> str:
    try:
        if path.exists():
            kept = path.read_text(encoding="utf-8").strip()
            if kept:
                return kept
        made = make()
        runtime.write_private(path, made + "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "not text"
        raise SetupError("data_dir", f"{path} can't be read or written: {reason}.") from error
    return made
