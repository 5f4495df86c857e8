"""`visavis menu check` and `visavis recording check`: what is wrong with a file, said so that somebody can mend it."""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import av
import typer

from gateway.base.errors import SetupError
from gateway.cli.settings import load_settings
from gateway.menu.checker import MenuErrors
from gateway.menu.library import load_menu
from media.recording import manifest as sealing

COMPLETENESS: Final = 0.99


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


def check_recordings(paths: Collection[Path], *, json_output: bool) -> bool:
    """Check finished recordings and print what was found. True when all are playable, complete and unchanged."""
    found = [_check_recording(path if path.is_dir() else path.parent) for path in paths]
    if json_output:
        typer.echo(json.dumps({"ok": all(one["ok"] for one in found), "recordings": found}, indent=2))
    else:
        for one in found:
            if one["ok"]:
                facts = f"{one['tracks']} tracks, {one['duration_s']:.1f} s, {one['completeness']:.3f} complete"
                typer.echo(f"{one['path']}: good, {facts}, sha256 {one['sha256']}")
            for problem in one["problems"]:
                typer.echo(f"{one['path']}: {problem}", err=True)
    return all(one["ok"] for one in found)


def _check_recording(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = {"path": str(folder), "ok": False, "problems": []}
    problems: list[str] = result["problems"]
    try:
        manifest = sealing.read_manifest(folder)
    except sealing.ManifestDamaged as error:
        problems.append(f"not a finished recording: {error}")
        return result
    result |= {key: manifest[key] for key in ("recording_id", "duration_s", "completeness", "sha256")}
    result["tracks"] = sum(1 for track in manifest["tracks"] if track["packets"])
    if manifest["file"] is None:
        problems.append("nothing was recorded")
        return result
    files = {manifest["file"]: manifest["sha256"]}
    files |= {view["file"]: view["sha256"] for view in manifest["views"].values()}
    for name, sha256 in files.items():
        if problem := _changed(folder / Path(name).name, sha256):
            problems.append(problem)
    if not problems and (problem := _unplayable(folder / Path(manifest["file"]).name, result["tracks"])):
        problems.append(problem)
    if manifest["completeness"] < COMPLETENESS:
        problems.append(f"only {manifest['completeness']:.3f} complete")
    if manifest["truncated"]:
        problems.append(f"cut off: {manifest['truncated_reason']}")
    result["ok"] = not problems
    return result


def _changed(path: Path, sha256: str) -> str | None:
    try:
        digest, _ = sealing.hash_file(path)
    except OSError as error:
        return f"{path.name} can't be read: {error.strerror}"
    return None if digest == sha256 else f"{path.name} was changed after it was sealed"


def _unplayable(path: Path, tracks: int) -> str | None:
    try:
        with av.open(str(path)) as container:
            streams = len(container.streams)
            packets = sum(1 for packet in container.demux() if packet.size)
    except (av.FFmpegError, OSError) as error:
        return f"{path.name} can't be played: {error}"
    if streams < tracks or not packets:
        return f"{path.name} has {streams} of {tracks} tracks and {packets} packets"
    return None
