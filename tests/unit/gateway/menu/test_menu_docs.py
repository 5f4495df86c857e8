"""The document of the format says what the checker does."""

import re
from pathlib import Path

import gateway.menu
from gateway.menu.checker import check_menu

_DOCUMENT = Path("docs/integrator/menus.md")


def test_the_example_of_the_document_is_sound():
    example = re.search(r"```yaml\n(.*?)```", _DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert example is not None
    assert check_menu(example[1], ["sales"]).start == "welcome"


def test_every_code_of_the_checker_is_in_the_document():
    sources = "".join(path.read_text("utf-8") for path in Path(gateway.menu.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'(?:complain|_stop)\(\s*[^"]*?"([a-z_]+)"', sources))
    assert {"dead_end", "menu_alias", "no_way_out", "duplicate_key"} <= codes
    assert codes <= set(re.findall(r"`([a-z_]+)`", _DOCUMENT.read_text("utf-8")))
