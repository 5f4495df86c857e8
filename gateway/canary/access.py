"""Where the canary's credential is: named, in the environment, or found beside a gateway of this machine."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gateway import runtime
from gateway.base.errors import SetupError

_VARIABLE = "VISAVIS_CANARY_TOKEN"


def find_token(url: str, environ: Mapping[str, str], token_file: Path | None) -> str:
    """The token for the gateway at `url`. SetupError (`canary_token`) says where it is looked for."""
    if token_file is not None:
        return _read(token_file)
    if token := environ.get(_VARIABLE, "").strip():
        return token
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise SetupError("canary_url", f"{url} is no address of a gateway; write http://host:port.") from error
    pointer = runtime.find(port) if _is_here(parts.hostname or "") else None
    if pointer is None:
        raise SetupError(
            "canary_token",
            f"No gateway of this user runs here on port {port}. Start it first, or for one elsewhere give "
            f"--token-file, a copy of {runtime.CANARY_TOKEN_FILE} in its data folder.",
        )
    return _read(pointer.data_dir / runtime.CANARY_TOKEN_FILE)


def _read(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise SetupError("canary_token", f"The canary token {path} can't be read: {reason}.") from error
    if not token:
        raise SetupError("canary_token", f"The canary token {path} is empty.")
    return token


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
