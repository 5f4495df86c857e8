"""The menus of this gateway: every `<name>.yaml` of the menu folder, checked when the gateway starts."""

from collections.abc import Collection, Mapping
from pathlib import Path

from gateway.base.errors import SetupError
from gateway.menu.checker import MenuErrors, check_menu
from gateway.menu.document import MenuDocument
from gateway.menu.interpreter import MenuRun
from gateway.menu.source import MAX_BYTES


class MenuLibrary:
    """Sound menus by name."""

    def __init__(self, documents: Mapping[str, MenuDocument]) -> None:
        self._documents = dict(documents)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._documents)

    def run(self, name: str, language: str) -> MenuRun:
        """A new walk through the menu `name`. SetupError `menu_missing` when there is none of that name."""
        try:
            document = self._documents[name]
        except KeyError:
            raise SetupError("menu_missing", f"There is no menu called {name!r}.") from None
        return MenuRun(document, language)


def load_menu(path: Path, known_queues: Collection[str], known_clips: Collection[str] | None = None) -> MenuDocument:
    """The menu in the file. SetupError `menu_unreadable`, or `menu_invalid` with the file and every line at fault."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SetupError("menu_unreadable", f"The menu {path} can't be read: {why}.") from error
    if len(raw) > MAX_BYTES:
        raise SetupError("menu_too_large", f"The menu {path} has more than {MAX_BYTES} bytes.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SetupError("menu_unreadable", f"The menu {path} is not UTF-8 text, see line {line}.") from error
    return check_menu(text, known_queues, known_clips)


def load_menus(folder: Path, known_queues: Collection[str], known_clips: Collection[str] | None = None) -> MenuLibrary:
    """Every `*.yaml` of `folder`, named by its file. SetupError with all faults of the first menu that has any."""
    documents: dict[str, MenuDocument] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            documents[path.stem] = load_menu(path, known_queues, known_clips)
        except MenuErrors as error:
            listed = "".join(f"\n  {problem}" for problem in error.problems)
            raise SetupError("menu_invalid", f"The menu {path} is not sound:{listed}") from error
    return MenuLibrary(documents)
