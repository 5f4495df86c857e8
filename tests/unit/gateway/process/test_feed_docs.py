"""What the integrator's pages show of settings is accepted as it stands there."""

import re
from pathlib import Path

import pytest

from gateway.cli.settings import load_settings
from gateway.config.acd_sip import SipAcdSettings

DOCS = Path(__file__).parents[4] / "docs" / "integrator"


@pytest.mark.parametrize("page", ["asterisk.md", "freeswitch.md"])
def test_the_settings_of_the_page_are_accepted(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    file = tmp_path / "visavis.toml"
    file.write_text(blocks[0], encoding="utf-8")
    (acd,) = load_settings({}, file).acds
    assert isinstance(acd, SipAcdSettings)
    assert acd.feed is not None
    assert acd.feed.kind == {"asterisk.md": "ami", "freeswitch.md": "esl"}[page]


EXAMPLES = [
    pytest.param(page, number, id=f"{page.name}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, _ in enumerate(re.findall(r"```toml\n", page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("page", "number"), EXAMPLES)
def test_every_example_can_be_pasted_as_it_is(page: Path, number: int, tmp_path: Path) -> None:
    """One that is only another trunk goes below the page's first example."""
    first, *others = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    text = (first, *others)[number]
    file = tmp_path / "visavis.toml"
    file.write_text(f"{first}\n{text}" if text.startswith("[[acds.trunks]]") else text, encoding="utf-8")
    load_settings({}, file)
