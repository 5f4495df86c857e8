"""The protocol reference, the list of codes and the JSON Schema, made from the source.

`python -m signaling.reference` writes them. What is committed is what this writes; a test compares.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter

from gateway.config import LimitSettings
from signaling import messages
from signaling.closing import BYE_CLOSE, CLOSE_MEANINGS, INTERNAL_CODE, INTERNAL_DETAIL
from signaling.error_codes import find
from signaling.messages import agent_messages, board_messages, customer_messages, server_messages
from signaling.problems import HTTP_CODES
from signaling.socket import HEARTBEAT_S, HELLO_TIMEOUT_S, SEND_TIMEOUT_S, SUBPROTOCOL

CHECKOUT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ("gateway", "media", "signaling")
_REMAKE: Final = "<!-- Made by `python -m signaling.reference`: change the classes, not this file. -->"


def files() -> dict[str, str]:
    """Path in the checkout → content."""
    return {
        "docs/developer/protocol.md": protocol(),
        "docs/developer/errors.md": errors(),
        "web/lib/messages.schema.json": schema(),
    }


# ---------------------------------------------------------------- schema


def schema() -> str:
    """JSON Schema 2020-12 of every message: `client` and `server` unions, one definition per class."""
    unions: Sequence[tuple[str, TypeAdapter[Any]]] = (
        ("customer", customer_messages),
        ("agent", agent_messages),
        ("board", board_messages),
        ("server", server_messages),
    )
    inputs = [(name, "validation", adapter) for name, adapter in unions]
    parts, shared = TypeAdapter.json_schemas(inputs)  # type: ignore[arg-type]
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Messages of {SUBPROTOCOL}",
        **shared,
        "properties": {name: part for (name, _), part in sorted(parts.items())},
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- protocol


def _classes(adapter: TypeAdapter[Any]) -> list[type[messages.Message]]:
    """Of a union, in its order."""
    names = [part["$ref"].rsplit("/", 1)[1] for part in adapter.json_schema()["oneOf"]]
    return [kind for name in names if issubclass(kind := getattr(messages, name), messages.Message)]


def _type(part: Mapping[str, Any]) -> str:
    """A JSON Schema type in words: `string, 1–200 characters`."""
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in part:
        return " or ".join(_type(choice) for choice in part["anyOf"])
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    kind = part.get("type", "")
    if kind == "array":
        return f"array of {_type(part['items'])}{_bounds(part, 'minItems', 'maxItems', ' items')}"
    if kind == "object":
        return f"object of {_type(part.get('additionalProperties', {}))}{_bounds(part, '', 'maxProperties', ' fields')}"
    if kind == "string":
        pattern = f", `{part['pattern'].replace('|', chr(92) + '|')}`" if "pattern" in part else ""
        return f"string{_bounds(part, 'minLength', 'maxLength', ' characters')}{pattern}"
    return f"{kind}{_bounds(part, 'minimum', 'maximum', '')}"


def _bounds(part: Mapping[str, Any], low: str, high: str, unit: str) -> str:
    least, most = part.get(low), part.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        return f", at least {least}{unit}"
    return f", at most {most}{unit}" if least is None else f", {least}–{most}{unit}"


def _fields(model: type[BaseModel], *, skip: frozenset[str]) -> list[str]:
    described = model.model_json_schema()
    required = set(described.get("required", ()))
    rows = []
    for name, part in described["properties"].items():
        if name in skip:
            continue
        default = "required" if name in required else f"`{json.dumps(part.get('default'))}`"
        rows.append(f"| `{name}` | {_type(part)} | {default} | {part.get('description', '')} |")
    return ["| field | type | default | |", "|---|---|---|---|", *rows] if rows else ["No fields of its own."]


def _message(kind: type[messages.Message]) -> list[str]:
    name = kind.model_fields["type"].default
    text = " ".join((kind.__doc__ or "").split())
    text = re.sub(r"\b(Sender|Legal|To):", r"**\1:**", text)
    return [f"### `{name}`", "", text, "", *_fields(kind, skip=frozenset({"type", "seq", "ack"})), ""]


def _parts() -> list[type[BaseModel]]:
    """What messages are made of, in the order of the messages; a part of a part stands before it."""
    found: list[type[BaseModel]] = []

    def look_into(annotation: object) -> None:
        for inner in get_args(annotation):
            look_into(inner)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for field in annotation.model_fields.values():
                look_into(field.annotation)
            if not issubclass(annotation, messages.Message) and annotation not in found:
                found.append(annotation)

    for adapter in (customer_messages, agent_messages, board_messages, server_messages):
        for kind in _classes(adapter):
            look_into(kind)
    return found


def protocol() -> str:
    """The reference of all messages, by direction."""
    limits = LimitSettings()
    customer, agent = _classes(customer_messages), _classes(agent_messages)
    both = [kind for kind in customer if kind in agent]
    lines = [
        _REMAKE,
        f"# The protocol `{SUBPROTOCOL}`",
        "",
        *(messages.__doc__ or "").strip().splitlines(),
        "",
        "Every message is one JSON object in one text frame, with these fields beside its own:",
        "",
        *_fields(messages.Message, skip=frozenset()),
        "",
        "A client answers `welcome` at once with `ack`, and acknowledges at least every 16 messages. Addresses,",
        "cookies and everything over HTTP are in [rest.md](rest.md); the codes of refusals in [errors.md](errors.md).",
        "",
        "## Limits",
        "",
        "| what | limit | beyond it |",
        "|---|---|---|",
        f"| `hello` after the upgrade | {HELLO_TIMEOUT_S:.0f} s | close 4408 `hello_timeout` |",
        f"| one message | {limits.message_bytes} bytes (`limits.message_bytes`) | close 1009 |",
        f"| messages of a client | {limits.messages_per_second:g} per second, {limits.message_burst} at once "
        "(`limits.messages_per_second`, `limits.message_burst`) | close 4429 `too_many_messages` |",
        f"| not acknowledged by a client | {limits.outbox_messages} messages (`limits.outbox_messages`) "
        "| `bye` `too_slow`, close 4429; the next `hello` gets a full view |",
        f"| a client that does not read | {SEND_TIMEOUT_S:.0f} s | the connection is cut; it may resume |",
        f"| a client that does not answer pings | {HEARTBEAT_S * 1.5:.0f} s | the connection is cut; it may resume |",
        "| binary frames | none | close 1003 `binary_refused` |",
        "",
        "## From both",
        "",
        *(line for kind in both for line in _message(kind)),
        "## From the customer",
        "",
        *(line for kind in customer if kind not in both for line in _message(kind)),
        "## From the agent",
        "",
        *(line for kind in agent if kind not in both for line in _message(kind)),
        "The live board (`/ws/board`) sends only `hello` and `ack`. It is never replayed: each message says it all.",
        "",
        "## From the gateway",
        "",
        *(line for kind in _classes(server_messages) if kind is not messages.Ack for line in _message(kind)),
        "## Parts",
        "",
    ]
    for part in _parts():
        lines += [f"### {part.__name__}", "", *_fields(part, skip=frozenset()), ""]
    lines += [
        "## Ends of a socket",
        "",
        "| close code | what it says |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in sorted(CLOSE_MEANINGS.items())),
        "",
        "| `bye` | close code |",
        "|---|---|",
        *(f"| `{code}` | {close} |" for code, close in sorted(BYE_CLOSE.items())),
    ]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- errors


def errors() -> str:
    """Every stable code in the source, with its consequences."""
    rows, set_up, own = [], [], []
    for raised in find(CHECKOUT, SOURCES):
        kind, detail = raised.error, raised.detail.replace("|", "\\|")
        if "SetupError" in kind.kinds:
            set_up.append(f"| `{raised.code}` | {detail} |")
        elif "InvariantBroken" in kind.kinds:
            own.append(f"| `{raised.code}` | {detail} |")
        else:
            again = "yes" if kind.retryable else ""
            rows.append(f"| `{raised.code}` | {kind.http_status} | {kind.ws_close} | {again} | {detail} |")
    head = ["| code | said |", "|---|---|"]
    lines = [
        _REMAKE,
        "# Codes",
        "",
        "Every refusal has a code that never changes; texts may. Over HTTP it stands in `code` of a problem+json body,",
        "over a WebSocket in `error`, `bye`, `leg_refused`, and as the reason of the close frame. *Again*: trying",
        "later can help, `Retry-After` says when. An `error` closes the socket only where the [protocol](protocol.md)",
        "says so, with the close code given here.",
        "",
        "| code | HTTP | close | again | said |",
        "|---|---|---|---|---|",
        f"| `{INTERNAL_CODE}` | 500 | 1011 |  | {INTERNAL_DETAIL} |",
        *(f"| `{code}` | {status} |  |  | {detail} |" for status, (code, detail) in HTTP_CODES.items()),
        *rows,
        "",
        "## Wrong set-up",
        "",
        "Printed as one line by the command that met it; exit code 2.",
        "",
        *head,
        *set_up,
        "",
        "## Our own faults",
        "",
        f"Only in the log; whoever asked is told `{INTERNAL_CODE}`.",
        "",
        *head,
        *own,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the files."""
    for path, content in files().items():
        (CHECKOUT / path).parent.mkdir(parents=True, exist_ok=True)
        (CHECKOUT / path).write_text(content, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
