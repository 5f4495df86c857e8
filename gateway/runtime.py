"""Where running gateways of this user are: one small private file per TCP port, naming the data folder.

`visavis canary http://127.0.0.1:8080` finds the canary token through it without options. It holds no secret itself.
"""

import json
import os
from pathlib import Path

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, ValidationError

CANARY_TOKEN_FILE = "canary.token"  # noqa: S105 - the name of a file
_MAX_BYTES = 4096


class Pointer(BaseModel):
    """What the file of one port says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pid: int
    data_dir: Path


def _path(http_port: int) -> Path:
    return user_state_path("visavis") / "running" / f"{http_port}.json"


def point_to(http_port: int, data_dir: Path) -> None:
    """Say that the gateway on `http_port` of this machine keeps its data in `data_dir`. Raises OSError."""
    path = _path(http_port)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, json.dumps({"pid": os.getpid(), "data_dir": str(data_dir.resolve())}))


def forget(http_port: int) -> None:
    """Remove what `point_to` of this process wrote. Another gateway's file is left alone."""
    pointer = find(http_port)
    if pointer is not None and pointer.pid == os.getpid():
        _path(http_port).unlink(missing_ok=True)


def find(http_port: int) -> Pointer | None:
    """What is known of the gateway on `http_port`; None when there is nothing, or nothing readable."""
    try:
        with _path(http_port).open("rb") as file:
            return Pointer.model_validate_json(file.read(_MAX_BYTES))
    except (OSError, ValidationError):
        return None


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only this user ever reads it, and nobody ever reads half of it. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
