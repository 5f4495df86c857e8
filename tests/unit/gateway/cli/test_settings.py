"""Settings are read from file and environment, explained when wrong, printed without secrets."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.errors import SetupError
from gateway.cli.settings import Effective, as_toml, effective, format_duration, load_settings, mask, reference
from gateway.config import Settings
from gateway.config.values import parse_duration, split_words

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of the developer's own: an empty folder and an environment without VISAVIS_."""
    monkeypatch.chdir(tmp_path)
    import os

    for name in [name for name in os.environ if name.upper().startswith("VISAVIS_")]:
        monkeypatch.delenv(name)
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, toml: str = "", **environment: str) -> Settings:
    import os

    if toml:
        Path("visavis.toml").write_text(toml, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(os.environ)


def refusal(monkeypatch: pytest.MonkeyPatch, toml: str = "", **environment: str) -> str:
    with pytest.raises(SetupError) as refused:
        load(monkeypatch, toml, **environment)
    assert "\n" not in refused.value.detail
    return refused.value.detail


def test_without_anything_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert (settings.http.port, settings.media.port, settings.live.url.get_secret_value()) == (8080, 5000, "memory://")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, "[http]\nport = 1111\nhost = '::1'", VISAVIS_HTTP__PORT="2222")
    assert (settings.http.port, settings.http.host) == (2222, "::1")


def test_a_list_in_the_environment_needs_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, VISAVIS_MEDIA__ANNOUNCE="203.0.113.1, 2001:db8::1")
    assert settings.media.announce == ("203.0.113.1", "2001:db8::1")


def test_a_wrong_value_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, VISAVIS_HTTP__PORT="eighty")
    assert text.startswith('VISAVIS_HTTP__PORT is "eighty": input should be a valid integer')


def test_a_wrong_value_in_the_file_is_told_by_its_name_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, "[contacts]\nwrap_up = 'soon'")
    assert text == (
        'contacts.wrap_up in visavis.toml is "soon": write a duration as 20s, 5m, 2h, 500ms or a number of seconds.'
    )


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("VISAVIS_HTTP_PORT", "VISAVIS_HTTP__PORT"),
        ("VISAVIS_HTTP__PROT", "VISAVIS_HTTP__PORT"),
        ("VISAVIS_DATADIR", "VISAVIS_DATA_DIR"),
    ],
)
def test_a_misspelt_variable_is_an_error_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, variable: str, suggestion: str
) -> None:
    assert f"{variable} is no setting; did you mean {suggestion}?" in refusal(monkeypatch, **{variable: "1"})


def test_a_misspelt_name_in_the_file_is_an_error_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean http.port?" in refusal(monkeypatch, "[http]\nprot = 1")


def test_a_file_that_is_no_toml_is_told_with_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "visavis.toml is not valid TOML" in refusal(monkeypatch, "[http\nport = 1")
    assert "line 1" in refusal(monkeypatch, "[http\nport = 1")


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nowhere.toml does not exist" in refusal(monkeypatch, VISAVIS_CONFIG="nowhere.toml")


def test_the_value_of_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, "[live]\nurl = ['hunter2']")
    assert "hunter2" not in text
    assert "live.url" in text


def test_printed_settings_hide_secrets_and_say_where_values_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        "[http]\nmetrics_token = 'hunter2'",
        VISAVIS_LIVE__URL="redis://user:hunter2@cache:6379/0",
        VISAVIS_RECORDS__URL="postgresql://me:hunter2@db/visavis",
    )
    import os

    text = as_toml(effective(settings, os.environ))
    assert "hunter2" not in text
    assert 'metrics_token = "***"  # file' in text
    assert 'url = "redis://user:***@cache:6379/0"  # VISAVIS_LIVE__URL' in text
    assert "port = 8080\n" in text


def test_printed_settings_are_a_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed can be read back, and means the same."""
    import os

    toml = '[[sites]]\nid = "shop"\nname = "Shop"\norigins = "https://a.example, https://b.example"\n'
    settings = load(monkeypatch, toml, VISAVIS_CONTACTS__MAX_WAIT="1h30m")
    printed = as_toml(effective(settings, os.environ))
    assert tomllib.loads(printed)["sites"][0]["origins"] == ["https://a.example", "https://b.example"]
    assert load(monkeypatch, printed).model_dump() == settings.model_dump()


@given(st.integers(min_value=0, max_value=10**10))
def test_durations_are_read_back_as_written(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value


@given(st.text())
def test_no_text_breaks_the_readers_of_durations_and_words(text: str) -> None:
    parse_duration(text)
    assert all(word == word.strip() and word for word in split_words(text))


@given(st.text(max_size=60))
def test_masking_never_shows_a_password(password: str) -> None:
    from urllib.parse import quote

    quoted = quote("x" + password + "x", safe="")
    assert quoted not in mask(f"redis://user:{quoted}@host/0")


def test_the_reference_in_the_documents_is_the_one_of_the_code() -> None:
    """Mend with: .venv/bin/visavis config --reference > docs/operator/settings.md"""
    assert (ROOT / "docs" / "operator" / "settings.md").read_text(encoding="utf-8") == reference()


def test_every_setting_says_what_it_is() -> None:
    assert "| None |" not in reference()


def test_a_queue_of_an_unknown_acd_is_told_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, "[[queues]]\nid = 'sales'\nname = 'Sales'\nacd = 'phone'")
    assert text == "visavis.toml: queues: sales has acd = 'phone', and there is no such one in acds (own)."


def test_printed_lists_are_valid_settings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is not set, and tables within an entry."""
    settings = load(monkeypatch, "[[queues]]\nid = 'sales'\nname = 'Sa\"les'")
    import os

    printed = tomllib.loads(as_toml(effective(settings, os.environ)))
    assert [(queue["id"], queue["name"], queue["acd"]) for queue in printed["queues"]] == [("sales", 'Sa"les', "own")]
    nested = Effective("acds", [{"name": "a", "map": {"x y": "1", "z": None}, "list": [{"k": 1}]}], "file")
    assert tomllib.loads(as_toml([nested])) == {"acds": [{"name": "a", "map": {"x y": "1"}, "list": [{"k": 1}]}]}
