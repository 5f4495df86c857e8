"""The command `visavis`: help, exit codes, one plain line for whatever is wrong."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.product import run_visavis

COMMANDS = (
    (),
    ("serve",),
    ("demo",),
    ("canary",),
    ("config",),
    ("menu", "check"),
    ("recording", "check"),
    ("user", "add"),
    ("user", "change"),
)


def one_line(result: subprocess.CompletedProcess[str], code: int) -> str:
    assert result.returncode == code, result
    (line,) = result.stderr.splitlines()
    assert line.startswith("visavis: ")
    return line


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command) or "visavis")
def test_every_command_explains_itself(command: tuple[str, ...], tmp_path: Path) -> None:
    result = run_visavis(*command, "--help", folder=tmp_path)
    assert result.returncode == 0
    assert "Usage: " in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("command", [("sing",), ("canary",), ("serve", "--loud"), ("menu",)])
def test_wrong_usage_is_exit_code_two(command: tuple[str, ...], tmp_path: Path) -> None:
    result = run_visavis(*command, folder=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["serve", "demo", "config"])
def test_a_wrong_setting_is_one_line_with_its_name(command: str, tmp_path: Path) -> None:
    result = run_visavis(command, folder=tmp_path, settings={"VISAVIS_HTTP__PORT": "http"})
    assert "VISAVIS_HTTP__PORT" in one_line(result, 2)


def test_a_broken_settings_file_is_one_line_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "visavis.toml").write_text("[http]\nport =\n", encoding="utf-8")
    assert "line 2" in one_line(run_visavis("serve", folder=tmp_path), 2)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_data_folder_that_can_not_be_used_is_one_line(command: str, tmp_path: Path) -> None:
    """A file where the folder should be: this holds for root too, who may write everywhere else."""
    (tmp_path / "data").touch()
    line = one_line(run_visavis(command, folder=tmp_path), 2)
    assert str(tmp_path / "data") in line
    assert "VISAVIS_DATA_DIR" in line


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(
    ("variable", "kind"),
    [("VISAVIS_HTTP__PORT", socket.SOCK_STREAM), ("VISAVIS_MEDIA__PORT", socket.SOCK_DGRAM)],
    ids=["tcp", "udp"],
)
def test_a_busy_port_is_one_line_with_a_way_on(
    command: str, variable: str, kind: socket.SocketKind, tmp_path: Path
) -> None:
    with socket.socket(type=kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = str(other.getsockname()[1])
        line = one_line(run_visavis(command, folder=tmp_path, settings={variable: port}), 2)
    assert port in line
    assert variable in line


def test_config_prints_what_is_in_force_without_secrets(tmp_path: Path) -> None:
    settings = {"VISAVIS_LIVE__URL": "redis://:hunter2@cache/0", "VISAVIS_HTTP__METRICS_TOKEN": "hunter2"}
    text = run_visavis("config", folder=tmp_path, settings=settings)
    values = json.loads(run_visavis("config", "--json", folder=tmp_path, settings=settings).stdout)
    assert "hunter2" not in text.stdout + text.stderr
    assert values["live.url"] == {"value": "redis://:***@cache/0", "source": "VISAVIS_LIVE__URL"}


def test_a_sound_menu_passes_and_an_unknown_queue_is_told_with_its_line(tmp_path: Path) -> None:
    sound = tmp_path / "main.yaml"
    sound.write_text("languages: [en]\nstart: a\nnodes:\n  a: {kind: queue, queue: sales}\n", encoding="utf-8")
    passed = run_visavis("menu", "check", str(sound), "--queue", "sales", folder=tmp_path)
    assert (passed.returncode, "sound" in passed.stdout) == (0, True)
    failed = run_visavis("menu", "check", str(sound), "--queue", "support", folder=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"{sound}:4:")


@pytest.mark.parametrize(
    ("node", "said"),
    [("{kind: queue, queue: parts}", "parts"), ("{kind: prompt, text: {en: Hello}}", "next")],
    ids=["unknown queue", "dead end"],
)
def test_a_gateway_does_not_start_with_a_menu_that_leads_nowhere(tmp_path: Path, node: str, said: str) -> None:
    """The line of the fault is told before anybody is let in."""
    (tmp_path / "menus").mkdir()
    menu = tmp_path / "menus" / "main.yaml"
    menu.write_text(f"languages: [en]\nstart: a\nnodes:\n  a: {node}\n", encoding="utf-8")
    (tmp_path / "visavis.toml").write_text(
        '[[sites]]\nid = "shop"\nname = "Shop"\n[[queues]]\nid = "sales"\nname = "Sales"\n', encoding="utf-8"
    )
    result = run_visavis("serve", folder=tmp_path, settings={"VISAVIS_MENUS_DIR": str(tmp_path / "menus")})
    assert result.returncode == 2
    assert str(menu) in result.stderr
    assert "line 4, column" in result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_no_recording_fails_the_check(tmp_path: Path) -> None:
    result = run_visavis("recording", "check", str(tmp_path), "--json", folder=tmp_path)
    assert result.returncode == 2
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert "not a finished recording" in found["recordings"][0]["problems"][0]


def test_a_canary_without_a_gateway_is_one_line(tmp_path: Path) -> None:
    assert "No gateway of this user runs here" in one_line(
        run_visavis("canary", "http://127.0.0.1:9", folder=tmp_path), 2
    )


def test_a_canary_that_fails_says_so_in_json(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x", encoding="utf-8")
    result = run_visavis(
        "canary", "http://127.0.0.1:9", "--json", "--token-file", str(tmp_path / "token"), folder=tmp_path
    )
    assert result.returncode == 1
    assert json.loads(result.stdout)["ok"] is False
    assert "Traceback" not in result.stderr


def test_what_an_agent_can_is_given_and_changed_at_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "visavis.toml").write_text("[[queues]]\nid = 'sales'\nname = 'Sales'\n", encoding="utf-8")
    added = run_visavis(
        *("user", "add", "anna", "-r", "agent", "-q", "sales", "-s", "french=7", "-l", "fr", "--link"), folder=tmp_path
    )
    assert added.returncode == 0
    changed = run_visavis("user", "change", "anna", "-s", "billing", "-s", "french=3", folder=tmp_path)
    assert changed.stdout == "anna: queues sales; skills billing=1, french=3; languages fr.\n"
    assert "1 to 10" in one_line(run_visavis("user", "change", "anna", "-s", "french=11", folder=tmp_path), 1)
