"""Reading, explaining and printing settings: where each value came from, what is wrong with it, what it is for.

Owns the text around settings. What can be set, and its defaults, is `gateway.config`.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined
from pydantic_settings import SettingsConfigDict, SettingsError

from gateway.acd.kit.target import KIT_VARIABLES
from gateway.base.errors import SetupError
from gateway.config import Settings
from gateway.config.acds import KINDS, word_of
from gateway.config.cti import FEED_KINDS
from gateway.config.values import Section

PREFIX = "VISAVIS_"
CONFIG_VARIABLE = "VISAVIS_CONFIG"
CANARY_TOKEN_VARIABLE = "VISAVIS_CANARY_TOKEN"  # noqa: S105 - the name of a variable, not a token
DEFAULT_FILE = Path("visavis.toml")
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, CANARY_TOKEN_VARIABLE, *KIT_VARIABLES})


def load_settings(environ: Mapping[str, str], config: Path | None = None, **overrides: Any) -> Settings:
    """The effective settings: `overrides`, then the environment, then the file, then the defaults.

    `config` names the file; without it `VISAVIS_CONFIG`, or `visavis.toml` in the current folder where there is one.
    Raises SetupError (`config_…`) with the name and what is wrong with the value, as one line.
    """
    path = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if path is not None and not path.is_file():
        raise SetupError("config_missing", f"The settings file {path} does not exist.")
    path = path or DEFAULT_FILE
    _refuse_unknown_variables(environ)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SetupError("config_unreadable", f"{path} is not valid TOML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError("config_unreadable", f"{path} can't be read: {error}.") from None
    except SettingsError as error:
        raise SetupError("config_invalid", f"The settings can't be read: {error}.") from None
    except ValidationError as error:
        flaws = error.errors(include_url=False)
        more = f" ({len(flaws) - 1} more like it)" if len(flaws) > 1 else ""
        raise SetupError("config_invalid", _explain(flaws[0], environ, path) + more) from None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = [_variable(name) for name, _ in _leaves(Settings)]
    for variable in environ:
        upper = variable.upper()
        if not upper.startswith(PREFIX) or upper in _NOT_SETTINGS:
            continue
        first = upper.removeprefix(PREFIX).partition("__")[0].lower()
        if first not in Settings.model_fields:
            raise SetupError("config_unknown", f"{variable} is no setting{_did_you_mean(upper, known)}")


def _explain(flaw: ErrorDetails, environ: Mapping[str, str], path: Path) -> str:
    location = [str(part) for part in flaw["loc"]]
    if not location:  # two settings that don't go together: the message names them
        return f"{path}: {flaw['msg'].removeprefix('Value error, ')}."
    name = ".".join(location)
    variable = _variable(name)
    source = next((variable for key in environ if key.upper() == variable), f"{name} in {path}")
    if flaw["type"] == "extra_forbidden":
        known = [_variable(leaf) if source == variable else leaf for leaf, _ in _leaves(Settings)]
        return f"{source} is no setting{_did_you_mean(source if source == variable else name, known)}"
    if flaw["type"].startswith("time_delta"):
        problem = "write a duration as 20s, 5m, 2h, 500ms or a number of seconds"
    else:
        problem = flaw["msg"][0].lower() + flaw["msg"][1:]
    field = _field(name)
    value = "" if field is None or _is_secret(field) else f" is {json.dumps(flaw['input'], default=str)[:120]}"
    return f"{source}{value}: {problem}."


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ". `visavis config` lists them."


# ---------------------------------------------------------------- walking the sections


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _field(name: str) -> FieldInfo | None:
    return dict(_leaves(Settings)).get(name)


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


# ---------------------------------------------------------------- printing


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it is in force, ready to print: secrets are masked, durations written as people write them."""

    name: str
    value: Any
    source: str  # the variable, the file, or "default"


def effective(settings: Settings, environ: Mapping[str, str]) -> list[Effective]:
    """Every setting in force, in the order of the reference."""
    given = {key.upper() for key in environ}
    default = Settings.model_construct()
    found = []
    for name, _ in _leaves(Settings):
        value = _get(settings, name)
        variable = _variable(name)
        if any(key == variable or key.startswith(variable + "__") for key in given):
            source = variable
        elif value != _get(default, name):
            source = "file"
        else:
            source = "default"
        found.append(Effective(name, plain(value), source))
    return found


def _get(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def plain(value: Any) -> Any:
    """`value` as TOML and JSON know it."""
    if isinstance(value, SecretStr):
        return mask(value.get_secret_value())
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def mask(secret: str) -> str:
    """Hide a secret; of an address only the password, so that the operator sees where it leads."""
    parts = urlsplit(secret)
    if parts.scheme and "://" in secret:
        if "@" not in parts.netloc:
            return secret
        user = parts.username or ""
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{user}:***@{host}"))
    return "***" if secret else ""


def format_duration(value: timedelta) -> str:
    """`1h30m`, `20s`, `500ms`: what `parse_duration` reads back to the same."""
    milliseconds = round(value.total_seconds() * 1000)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def as_toml(values: list[Effective]) -> str:
    """The effective settings as a settings file, each with its source."""
    lines: list[str] = []
    section = ""
    for entry in sorted(values, key=lambda entry: "." in entry.name):  # TOML wants top-level names first
        head, _, tail = entry.name.rpartition(".")
        if isinstance(entry.value, list) and entry.value and isinstance(entry.value[0], dict):
            continue
        if head != section:
            section = head
            lines += ["", f"[{head}]"]
        if entry.value is None:
            lines.append(f"# {tail} is not set")
        else:
            note = "" if entry.source == "default" else f"  # {entry.source}"
            lines.append(f"{tail} = {_toml_value(entry.value)}{note}")
    for entry in values:
        if isinstance(entry.value, list) and entry.value and isinstance(entry.value[0], dict):
            for item in entry.value:
                lines += ["", f"[[{entry.name}]]", *_toml_pairs(item)]
    return "\n".join(lines) + "\n"


def _toml_pairs(item: Mapping[str, Any]) -> list[str]:
    return [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in item.items() if value is not None]


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _toml_value(value: Any) -> str:
    """A TOML literal. JSON's strings, numbers and booleans are TOML's too."""
    if isinstance(value, dict):
        return "{" + ", ".join(_toml_pairs(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def reference() -> str:
    """The settings reference, `docs/operator/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Made by `visavis config --reference`; a test compares the two. Settings are read from `visavis.toml` in the",
        "current folder (or the file named by `--config` or `VISAVIS_CONFIG`), then from the environment, which wins.",
        "Durations are written `20s`, `5m`, `2h`, `500ms` or as seconds. In the environment lists are written with",
        "commas, `sites`, `queues`, `acds` as JSON. `visavis config` prints what is in force and where it came from.",
    ]
    section = None
    for name, field in _leaves(Settings):
        head = name.rpartition(".")[0]
        if head != section:
            section = head
            title = f"## `[{head}]`" if head else "## Top level"
            lines += ["", title, "", "| setting | default | what it is |", "|---|---|---|"]
        lines.append(f"| `{name}`<br>`{_variable(name)}` | {_default_text(field)} | {field.description} |")
    for name, field in _leaves(Settings):
        item = _item_of(field)
        if item is not None:
            lines += _table(f"## `[[{name}]]`", item)
            for key, inner in item.model_fields.items():
                part = _item_of(inner)
                if part is not None:
                    lines += _table(f"### `{key}` in `[[{name}]]`", part)
    for kind in KINDS:
        lines += _table(f'## `[[acds]] kind = "{word_of(kind)}"`', kind)
        for key, inner in kind.model_fields.items():
            part = _item_of(inner)
            if part is not None:
                lines += _table(f"### `[[acds.{key}]]` of kind `{word_of(kind)}`", part)
    for feed in FEED_KINDS:
        lines += _table(f'## `[acds.feed] kind = "{word_of(feed)}"`', feed)
    return "\n".join(lines) + "\n"


def _item_of(field: FieldInfo) -> type[Section] | None:
    """What a list of groups is a list of."""
    item = next(iter(get_args(field.annotation)), None) if get_origin(field.annotation) is tuple else None
    return item if isinstance(item, type) and issubclass(item, Section) else None


def _table(title: str, section: type[Section]) -> list[str]:
    lines = ["", title, "", "| field | default | what it is |", "|---|---|---|"]
    for key, field in section.model_fields.items():
        lines.append(f"| `{key}` | {_default_text(field)} | {field.description} |")
    return lines


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined:
        return "the user's data folder"
    value = plain(field.default)
    if value in (None, "", [], {}):
        return "empty"
    if isinstance(value, list):
        return f"`{', '.join(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
