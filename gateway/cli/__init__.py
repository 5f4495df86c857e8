"""The command `visavis`: what an operator types. Parses, calls, prints; decides nothing of the product.

Exit codes: 0 all is well, 1 it ran and failed, 2 wrong usage or set-up (one plain line on stderr says what to do).
Whatever takes time to import is imported by the command that needs it.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.base.errors import GatewayError, SetupError
from gateway.cli.recording import Config, Json, recording

FAILED = 1
WRONG_SETUP = 2

app = typer.Typer(
    name="visavis",
    help="Vis-à-vis: the video channel for a contact center that already exists.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
menu = typer.Typer(help="Look after menus.", no_args_is_help=True)
user = typer.Typer(help="Look after accounts.", no_args_is_help=True)
app.add_typer(recording, name="recording")
app.add_typer(menu, name="menu")
app.add_typer(user, name="user")


def main() -> None:
    """Entry point of the console script. A refusal becomes one line on stderr and an exit code."""
    try:
        app()
    except SetupError as error:
        _complain(error.detail)
        sys.exit(WRONG_SETUP)
    except GatewayError as error:
        _complain(error.detail)
        sys.exit(FAILED)
    except BrokenPipeError:  # `visavis config | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _complain(text: str) -> None:
    sys.stderr.write(f"visavis: {text}\n")


@app.command()
def serve(config: Config = None) -> None:
    """Run the gateway with the settings of visavis.toml and the environment."""
    from gateway.app import run
    from gateway.cli.settings import load_settings

    run(load_settings(os.environ, config))


@app.command()
def demo(
    config: Config = None,
    port: Annotated[int | None, typer.Option(help="TCP port of the web server.", min=0, max=65535)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the demo's data; it is made when missing.")] = None,
) -> None:
    """Run the gateway with a demo shop, two agents and an admin, and print their one-time sign-in links."""
    from gateway.cli.settings import load_settings
    from gateway.demo import demo_settings, run_demo

    run_demo(demo_settings(load_settings(os.environ, config), os.environ, port=port, data_dir=data_dir))


@app.command()
def canary(
    url: Annotated[str, typer.Argument(help="Where the gateway is, e.g. http://127.0.0.1:8080.")],
    calls: Annotated[int, typer.Option(help="Robot calls to make.", min=1, max=200)] = 1,
    talk: Annotated[float, typer.Option(help="Seconds that each pair talks.", min=2, max=3600)] = 5.0,
    at_once: Annotated[int | None, typer.Option(help="Calls at the same time; else all, up to 50.", min=1)] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the canary token; else VISAVIS_CANARY_TOKEN, else found here.")
    ] = None,
    mode: Annotated[
        Literal["own", "sip"],
        typer.Option(help="Who distributes: the gateway, or a telephone switch started here (sip)."),
    ] = "own",
    sip_listen: Annotated[
        str, typer.Option(help="IPv4:port of that switch, the gateway's setting canary.sip_acd.")
    ] = "127.0.0.1:5099",
    json: Json = False,
) -> None:
    """Prove a running gateway: robot customers and agents make calls over its public interfaces."""
    from gateway.canary import CanaryPlan, find_token, run_canary

    token = find_token(url, os.environ, token_file)
    plan = CanaryPlan(
        url=url,
        token=token,
        calls=calls,
        talk_s=talk,
        at_once=at_once or min(calls, 50),
        sip_listen=sip_listen if mode == "sip" else "",
    )
    raise typer.Exit(0 if run_canary(plan, json_output=json) else FAILED)


@app.command("acd-kit")
def acd_kit(
    adapter: Annotated[str, typer.Option(help="The adapter to try: own, sip, ami, esl or tasks.")],
    target: Annotated[
        str, typer.Option(help="sim: the simulator that ships with it; or the address of a real ACD's test queue.")
    ] = "sim",
    only: Annotated[list[str] | None, typer.Option(help="Only this scenario or group; may be given again.")] = None,
    json: Json = False,
    report: Annotated[
        Path | None, typer.Option(help="Write the report there too: Markdown, or JSON when it ends in .json.")
    ] = None,
    acd: Annotated[
        str, typer.Option(help="The [[acds]] entry whose secrets and ways a real target is tried with.")
    ] = "",
    call: Annotated[str, typer.Option(help="ami, esl: where the queue is called, sip:NUMBER@HOST:PORT.")] = "",
    queue: Annotated[str, typer.Option(help="ami, esl, tasks: what the ACD calls the queue.")] = "",
    agent: Annotated[
        list[str] | None, typer.Option(help="What the ACD calls an agent of the queue; the first, then the second.")
    ] = None,
    listen: Annotated[str, typer.Option(help="tasks: HOST:PORT at which the ACD's events are taken.")] = "127.0.0.1:0",
    public_url: Annotated[str, typer.Option(help="tasks: how the ACD calls that, where it is another address.")] = "",
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Nobody is there: what needs a hand at the ACD is not run.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds a real ACD may take for what must happen.", min=1, max=300)] = 20,
    patience: Annotated[float, typer.Option(help="Seconds that a hand may take.", min=1, max=900)] = 60,
    config: Config = None,
) -> None:
    """Prove an ACD adapter: every scenario of the conformance kit, and a report that can be handed in."""
    from gateway.acd.kit.command import console_for, run_kit
    from gateway.cli.kit import Wish, plan_of

    console = console_for(json_output=json)
    wish = Wish(
        adapter=adapter,
        target=target,
        only=tuple(only or ()),
        acd=acd,
        call=call,
        queue=queue,
        agents=tuple(agent or ()),
        listen=listen,
        public_url=public_url,
        unattended=unattended,
        wait_s=wait,
        patience_s=patience,
        config=config,
    )
    raise typer.Exit(run_kit(plan_of(wish, os.environ, console), console, json_output=json, file=report))


@app.command("config")
def show_config(
    config: Config = None,
    json: Json = False,
    reference: Annotated[bool, typer.Option("--reference", help="Print the settings reference instead.")] = False,
) -> None:
    """Print the settings in force and where each came from; secrets are masked."""
    from gateway.cli import settings as texts

    if reference:
        typer.echo(texts.reference(), nl=False)
        return
    values = texts.effective(texts.load_settings(os.environ, config), os.environ)
    if json:
        import json as json_module

        found = {entry.name: {"value": entry.value, "source": entry.source} for entry in values}
        typer.echo(json_module.dumps(found, indent=2, ensure_ascii=False))
    else:
        typer.echo(texts.as_toml(values), nl=False)


@menu.command("check")
def check_menu(
    files: Annotated[list[Path], typer.Argument(help="Menu documents (YAML).")],
    queue: Annotated[
        list[str] | None, typer.Option("--queue", "-q", help="A queue that exists; else those of the settings.")
    ] = None,
    config: Config = None,
) -> None:
    """Check menu documents; every fault is printed with its line."""
    from gateway.cli.checks import check_menus

    raise typer.Exit(0 if check_menus(files, queue, config) else FAILED)


@user.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="What the person types to sign in.")],
    role: Annotated[list[str], typer.Option("--role", "-r", help="agent or admin; may be given twice.")],
    display_name: Annotated[str, typer.Option(help="What customers and colleagues read; else the name.")] = "",
    queue: Annotated[list[str] | None, typer.Option("--queue", "-q", help="A queue this agent serves.")] = None,
    skill: Annotated[list[str] | None, typer.Option("--skill", "-s", help="What this agent can: french=7.")] = None,
    language: Annotated[list[str] | None, typer.Option("--language", "-l", help="What this agent speaks: fr.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Print a one-time sign-in link instead of a password.")] = False,
    config: Config = None,
) -> None:
    """Add an account. The password is asked for, or read from standard input when that is no terminal."""
    from gateway.cli.users import add_account

    add_account(name, role, display_name or name, queue or [], skill or [], language or [], as_link=link, config=config)


@user.command("change")
def change_user(
    name: Annotated[str, typer.Argument(help="What the agent types to sign in.")],
    queue: Annotated[list[str] | None, typer.Option("--queue", "-q", help="The queues, all of them.")] = None,
    skill: Annotated[list[str] | None, typer.Option("--skill", "-s", help="The skills, all of them: french=7.")] = None,
    language: Annotated[list[str] | None, typer.Option("--language", "-l", help="The languages, all of them.")] = None,
    no_skills: Annotated[bool, typer.Option("--no-skills", help="None at all.")] = False,
    any_language: Annotated[bool, typer.Option("--any-language", help="Speaks whatever is asked.")] = False,
    config: Config = None,
) -> None:
    """Change what an agent serves and can. What is not given stays; it acts when their panel next connects."""
    from gateway.cli.users import change_agent

    skills = [] if no_skills else skill or None
    change_agent(name, queue or None, skills, [] if any_language else language or None, config=config)


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who will use it, e.g. crm.")],
    scope: Annotated[
        list[str], typer.Option("--scope", "-s", help="What it is good for: recording.control, links.create.")
    ],
) -> None:
    """Make a token for another system: it is printed once, with what goes into the settings."""
    from gateway.cli.tokens import make_token

    make_token(name, scope)
