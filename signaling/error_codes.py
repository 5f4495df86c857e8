"""Every stable code in the source, found by reading it: what is documented is what is raised.

A refusal is a call of an error class with a literal code. Classes are followed by name from `GatewayError` down, so a
new one needs no entry here.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = "GatewayError"
_DEFAULTS: Final = {"http_status": 500, "ws_close": 1011, "retryable": False}


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """A kind of refusal and its consequences."""

    name: str
    http_status: int
    ws_close: int
    retryable: bool
    kinds: frozenset[str]  # its own name and those of all it derives from


@dataclass(frozen=True, slots=True)
class Raised:
    """One code as it stands in the source."""

    code: str
    error: ErrorClass
    detail: str  # the text for people; what is filled in stands as `…`
    where: str  # file, relative to the checkout


def find(checkout: Path, folders: Iterable[str]) -> list[Raised]:
    """All codes below `folders`, sorted, each once per class."""
    trees = {
        path.relative_to(checkout).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((checkout / folder).rglob("*.py"))
    }
    classes = _classes(trees.values())
    found: dict[tuple[str, str], Raised] = {}
    for where, tree in trees.items():
        for raised in _raised(tree, where, classes):
            found.setdefault((raised.code, raised.error.name), raised)
    return [found[key] for key in sorted(found)]


def _classes(trees: Iterable[ast.Module]) -> dict[str, ErrorClass]:
    definitions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = {_ROOT: ErrorClass(_ROOT, 500, 1011, False, frozenset({_ROOT}))}
    grown = True
    while grown:
        grown = False
        for node in definitions:
            base = next((known[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in known), None)
            if base is not None and node.name not in known:
                known[node.name] = _derived(node, base)
                grown = True
    return known


def _derived(node: ast.ClassDef, base: ErrorClass) -> ErrorClass:
    values: dict[str, int] = {}
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(statement, ast.Assign) and isinstance(target, ast.Name) and target.id in _DEFAULTS:
            values[target.id] = _number(statement.value)
    return ErrorClass(
        node.name,
        values.get("http_status", base.http_status),
        values.get("ws_close", base.ws_close),
        bool(values.get("retryable", base.retryable)),
        base.kinds | {node.name},
    )


def _number(value: ast.expr) -> int:
    """A literal, or a close code named as in `int(WSCloseCode.UNSUPPORTED_DATA)`."""
    if isinstance(value, ast.Constant) and isinstance(value.value, int):
        return value.value
    if isinstance(value, ast.Call) and value.args and isinstance(value.args[0], ast.Attribute):
        return _CLOSE_NAMES[value.args[0].attr]
    raise ValueError(f"line {value.lineno}: write this consequence as a number")


_CLOSE_NAMES: Final = {"UNSUPPORTED_DATA": 1003, "INTERNAL_ERROR": 1011}


def _raised(tree: ast.Module, where: str, classes: dict[str, ErrorClass]) -> Iterator[Raised]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        first = node.args[0]
        if name in classes and isinstance(first, ast.Constant) and isinstance(first.value, str):
            detail = _text(node.args[1]) if len(node.args) > 1 else ""
            yield Raised(first.value, classes[name], detail, where)


def _text(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in value.values)
    return "…"
