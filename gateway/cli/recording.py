"""`visavis recording …`: what an operator types about recordings. Parses and calls; the work is in `gateway.cli.vault`.

Exit codes: 0 done and good; 1 done, and something is not good, or refused; 2 wrong usage or set-up.
"""

from pathlib import Path
from typing import Annotated

import typer

recording = typer.Typer(help="Look after recordings.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Settings file; else VISAVIS_CONFIG, else visavis.toml here.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
RecordingId = Annotated[str, typer.Argument(help="Id of a recording, rc_….")]
Reason = Annotated[str, typer.Option("--reason", help="Why; written into the audit.")]


@recording.command("check")
def check_recording(
    paths: Annotated[list[Path], typer.Argument(help="Folders of recordings, or their finished files.")],
    json: Json = False,
) -> None:
    """Check finished recordings: unchanged since they were sealed, every frame decodes, complete.

    Exit code 0: all are good; 1: one is not; 2: one can't be read.
    """
    from gateway.cli.checks import check_recordings

    raise typer.Exit(check_recordings(paths, json_output=json))


@recording.command("list")
def list_recordings(
    queue: Annotated[str | None, typer.Option("--queue", "-q", help="Of this queue only.")] = None,
    state: Annotated[str | None, typer.Option(help="In this state only, e.g. complete.")] = None,
    contact: Annotated[str | None, typer.Option(help="Of this contact only.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1, max=1000)] = 50,
    config: Config = None,
    json: Json = False,
) -> None:
    """List recordings, newest first."""
    from gateway.cli.vault import list_all

    raise typer.Exit(list_all(config, queue=queue, state=state, contact=contact, limit=limit, json_output=json))


@recording.command("verify")
def verify(
    recording_id: Annotated[str | None, typer.Argument(help="Id of a recording; else --all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="The whole chain, with every recording in it.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Prove that what is kept is what was recorded: signature, chain, and every byte of every file.

    Exit code 0: all is good or rightly erased; 1: something is not.
    """
    from gateway.cli.vault import verify_some

    if (recording_id is None) is not every:
        raise typer.BadParameter("name a recording, or say --all")
    raise typer.Exit(verify_some(config, recording_id, json_output=json))


@recording.command("export")
def export(
    recording_id: RecordingId,
    to: Annotated[Path, typer.Option("--to", help="File to write; its manifest is written beside it.")],
    config: Config = None,
) -> None:
    """Write a recording, decrypted, with its signed manifest. It is written into the audit first."""
    from gateway.cli.vault import export_one

    export_one(config, recording_id, to)


@recording.command("erase")
def erase(
    subject: Annotated[str, typer.Argument(help="A recording (rc_…), a contact (ct_…), or a visitor's hash.")],
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", help="File for the signed receipt; else printed.")
    ] = None,
    config: Config = None,
) -> None:
    """Erase for good: the key is destroyed first. What is on hold is kept, and the receipt says so.

    Exit code 1: something was kept.
    """
    from gateway.cli.vault import erase_some

    if not yes:
        typer.confirm(f"Erase the recordings of {subject} for good?", abort=True)
    raise typer.Exit(erase_some(config, subject, reason, receipt))


@recording.command("hold")
def hold(recording_id: RecordingId, reason: Reason, config: Config = None) -> None:
    """Forbid that a recording is erased, by anybody and by its time; prints the hold's id."""
    from gateway.cli.vault import hold_one

    hold_one(config, recording_id, reason)


@recording.command("lift")
def lift(
    hold_id: Annotated[str, typer.Argument(help="Id of a hold, hd_….")], reason: Reason, config: Config = None
) -> None:
    """End a hold."""
    from gateway.cli.vault import lift_one

    lift_one(config, hold_id, reason)


@recording.command("rewrap")
def rewrap(config: Config = None) -> None:
    """Wrap every recording's key under the first master key; afterwards the others are not needed any more."""
    from gateway.cli.vault import rewrap_all

    rewrap_all(config)
