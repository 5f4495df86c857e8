"""`visavis menu check` and `visavis recording check`: what is wrong with a file, said so that somebody can mend it."""

import json
import os
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from gateway.base.errors import SetupError
from gateway.cli.settings import load_settings
from gateway.menu.checker import MenuErrors
from gateway.menu.library import load_menu
from media.recording.check import CheckResult, check_recording


def check_menus(files: Collection[Path], queues: Collection[str] | None, config: Path | None) -> bool:
    """Check menu documents and print every fault as `file:line:column: text` on stderr. True when all are sound."""
    known = set(queues) if queues else {queue.id for queue in load_settings(os.environ, config).queues}
    sound = True
    for path in files:
        try:
            document = load_menu(path, known)
        except MenuErrors as error:
            sound = False
            for problem in error.problems:
                typer.echo(f"{path}:{problem.line}:{problem.column}: {problem.message}", err=True)
        except SetupError as error:
            sound = False
            typer.echo(f"visavis: {error.detail}", err=True)
        else:
            languages = ", ".join(document.languages)
            typer.echo(f"{path}: sound, {len(document.nodes)} nodes, {languages}")
    return sound


def check_recordings(paths: Collection[Path], *, json_output: bool) -> int:
    """Check finished recordings and print what was found. The worst exit code: 0 good, 1 not good, 2 unreadable."""
    found = [check_recording(path) for path in paths]
    if json_output:
        typer.echo(json.dumps({"ok": all(one.ok for one in found), "recordings": [_facts(one) for one in found]}))
    else:
        for one in found:
            if one.ok:
                facts = f"{len(one.tracks)} tracks, {one.duration_s:.1f} s, {one.completeness:.3f} complete"
                typer.echo(f"{one.path}: good, {facts}, sha256 {one.sha256}")
            for problem in one.problems:
                typer.echo(f"{one.path}: {problem}", err=True)
    return max((one.exit_code for one in found), default=0)


def _facts(result: CheckResult) -> dict[str, Any]:
    tracks = [asdict(track) | {"decodes": track.decodes} for track in result.tracks]
    return asdict(result) | {"path": str(result.path), "ok": result.ok, "tracks": tracks}
