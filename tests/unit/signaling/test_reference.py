"""What is committed about the protocol is what the source says."""

import json
import re
from pathlib import Path

import pytest

from signaling import messages, reference
from signaling.closing import BYE_CLOSE, CLOSE_MEANINGS
from signaling.error_codes import find
from signaling.messages import customer_messages, server_messages

CHECKOUT = reference.CHECKOUT


@pytest.mark.parametrize("path", ["docs/developer/protocol.md", "web/lib/messages.schema.json"])
def test_the_reference_is_current(path: str) -> None:
    committed = (CHECKOUT / path).read_text(encoding="utf-8")
    assert committed == reference.files()[path], f"{path} is stale: python -m signaling.reference"


def test_every_code_in_the_source_is_documented_with_its_consequences() -> None:
    documented = (CHECKOUT / "docs/developer/errors.md").read_text(encoding="utf-8")
    raised = find(CHECKOUT, reference.SOURCES)
    assert len(raised) > 30
    for one in raised:
        own = one.error.kinds & {"SetupError", "InvariantBroken"}
        row = f"| `{one.code}` | " + ("" if own else f"{one.error.http_status} | {one.error.ws_close} |")
        assert row in documented, f"{one.code} of {one.where} is not documented: python -m signaling.reference"


def test_codes_have_one_shape() -> None:
    for one in find(CHECKOUT, reference.SOURCES):
        assert re.fullmatch(r"[a-z0-9_]{1,64}", one.code), one


def test_every_close_code_a_refusal_can_have_has_a_meaning() -> None:
    for one in find(CHECKOUT, reference.SOURCES):
        assert one.error.ws_close in CLOSE_MEANINGS, one
    assert set(BYE_CLOSE.values()) <= set(CLOSE_MEANINGS)


def test_a_new_kind_of_refusal_is_found_by_its_base(tmp_path: Path) -> None:
    source = """
class Late(BadInput):
    http_status = 408

class BadInput(GatewayError):
    ws_close = 4400

Late("too_late", f"By {x} s.")
print("no")
"""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/late.py").write_text(source)
    (found,) = find(tmp_path, ["room"])
    assert (found.code, found.error.http_status, found.error.ws_close, found.detail) == (
        "too_late",
        408,
        4400,
        "By … s.",
    )


def test_every_message_has_a_chapter() -> None:
    text = reference.protocol()
    for name, kind in vars(messages).items():
        if isinstance(kind, type) and issubclass(kind, messages.Message) and kind is not messages.Message:
            assert f"### `{kind.model_fields['type'].default}`" in text, name


def test_the_schema_has_every_message_once() -> None:
    document = json.loads(reference.schema())
    for adapter in (customer_messages, server_messages):
        for part in adapter.json_schema()["oneOf"]:
            assert part["$ref"].rsplit("/", 1)[1] in document["$defs"]
    assert set(document["properties"]) == {"customer", "agent", "board", "server"}
