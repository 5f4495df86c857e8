"""Integrators' templates: Jinja in a sandbox, cut down until nothing in it can run long or grow large.

What is left: outputs, `if`, one level of `for`, and the filters and methods listed here. No statement that stores,
calls itself, includes or repeats; every text that comes out is limited. So the time of a template is bounded by the
size of what it is given, which is limited where it comes in. Unknown names are errors, never empty texts.
Knows nothing of tasks and of ACDs.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUTPUT_LIMIT: Final = 65_536  # characters of one rendered template
SOURCE_LIMIT: Final = 16_384
MAX_ITEMS: Final = 200  # in any list; what comes from outside with more of them is refused before it gets here

_STATEMENTS: Final = (nodes.Output, nodes.TemplateData, nodes.If, nodes.For)
_MAPPING_METHODS: Final = frozenset({"get", "items", "keys", "values"})
_LOOP: Final = frozenset({"first", "index", "last"})
_TEXT_METHODS: Final = frozenset({"startswith", "endswith", "split", "strip", "lower", "upper"})


class TemplateFault(Exception):
    """What is wrong with a template or with what it was given. `line` counts from 1 within the template."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


# ---------------------------------------------------------------- filters


def _joined(values: Iterable[Any], separator: str = "") -> str:
    parts = [str(value) for value in _some(values)]
    size = sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1)
    return _limited(separator.join(parts) if size <= OUTPUT_LIMIT else None)


def _replaced(text: Any, old: str, new: str) -> str:
    source = str(text)
    grown = len(source) + source.count(old) * max(0, len(new) - len(old)) if old else OUTPUT_LIMIT + 1
    return _limited(source.replace(old, new) if grown <= OUTPUT_LIMIT else None)


def _limited(text: str | None) -> str:
    if text is None or len(text) > OUTPUT_LIMIT:
        raise TemplateFault(f"a text of more than {OUTPUT_LIMIT} characters")
    return text


def _some(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if len(found) >= MAX_ITEMS:
            raise TemplateFault(f"more than {MAX_ITEMS} items")
        found.append(value)
    return found


def _to_json(value: Any) -> str:
    if isinstance(value, StrictUndefined):
        str(value)  # says which name there is not
    try:
        return _limited(json.dumps(value, allow_nan=False, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        raise TemplateFault("a value that is no JSON") from None


def _from_json(value: Any) -> Any:
    """The value of a JSON text; an empty mapping for anything else, as peers put in there what they like."""
    try:
        return json.loads(value) if isinstance(value, str) and len(value) <= OUTPUT_LIMIT else {}
    except (ValueError, RecursionError):
        return {}


def _having(values: Iterable[Any], name: str, *wanted: Any) -> list[Any]:
    """Those mappings among `values` whose `name` is one of `wanted`."""
    return [value for value in _some(values) if isinstance(value, Mapping) and value.get(name) in wanted]


def _shortened(value: Any, length: int) -> str:
    return str(value)[: max(0, int(length))]


def _in_bytes(value: Any, length: int) -> str:
    """As many whole characters as fit into that many bytes of UTF-8."""
    return str(value).encode("utf-8", "replace")[: max(0, int(length))].decode("utf-8", "ignore")


def _default(value: Any, otherwise: Any = "") -> Any:
    return otherwise if isinstance(value, StrictUndefined) or value is None or value == "" else value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TemplateFault(f"{_shortened(value, 40)!r} is no number") from None


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "b64": lambda value: base64.b64encode(str(value).encode()).decode(),
    "cut": _shortened,
    "cut_bytes": _in_bytes,
    "default": _default,
    "first": lambda values: next(iter(values), ""),
    "from_json": _from_json,
    "having": _having,
    "int": lambda value: int(_number(value)),
    "join": _joined,
    "last": lambda values: values[-1] if values else "",
    "length": len,
    "lower": lambda value: str(value).lower(),
    "number": _number,
    "replace": _replaced,
    "sha256": lambda value: hashlib.sha256(str(value).encode()).hexdigest(),
    "strip": lambda value: str(value).strip(),
    "to_json": _to_json,
    "upper": lambda value: str(value).upper(),
    "url": lambda value: quote(str(value), safe=""),
}
"""All there are. `url` makes a text safe in one part of an address, `to_json` in a JSON body."""

_TESTS: Final = (
    "defined",
    "undefined",
    "none",
    "string",
    "number",
    "mapping",
    "sequence",
    "in",
    "eq",
    "ne",
    "true",
    "false",
)


# ---------------------------------------------------------------- the sandbox


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
        self.globals.clear()
        tests = {name: self.tests[name] for name in _TESTS}
        self.filters = dict(_FILTERS)
        self.tests = tests

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A mapping's own entry before anything else; of methods only the listed ones."""
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in _MAPPING_METHODS:
                return getattr(obj, attribute)
        elif attribute in (_TEXT_METHODS if isinstance(obj, str) else _LOOP if isinstance(obj, LoopContext) else ()):
            return getattr(obj, attribute)
        return self.undefined(f"there is no {attribute} here")

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            if isinstance(obj, Mapping | Sequence):
                return obj[argument]
        except (LookupError, TypeError, ValueError):
            pass
        return self.undefined(f"there is no {_shortened(argument, 40)} here")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """`*` and `%` for numbers only, so that no text is multiplied; `**` not at all."""
        if operator == "**" or not all(isinstance(side, int | float) and abs(side) < 2**53 for side in (left, right)):
            raise SecurityError(f"{operator} is for numbers, and ** is not there")
        return super().call_binop(context, operator, left, right)


_SANDBOX: Final = _Sandbox()


class BoundedTemplate:
    """A checked template. Made once at the start, rendered as often as needed."""

    def __init__(self, source: str, names: Iterable[str]) -> None:
        """TemplateFault when it is no template, does what is not allowed, or uses a name that is not in `names`."""
        if len(source) > SOURCE_LIMIT:
            raise TemplateFault(f"longer than {SOURCE_LIMIT} characters")
        self.source = source
        try:
            tree = _SANDBOX.parse(source)
            _check(tree)
            unknown = find_undeclared_variables(tree) - set(names)
            self._template: Template = _SANDBOX.from_string(source)
        except TemplateSyntaxError as error:
            raise TemplateFault(error.message or "not a template", error.lineno) from None
        except (TemplateError, RecursionError) as error:
            raise TemplateFault(f"not a template: {type(error).__name__}") from None
        if unknown:
            known = ", ".join(sorted(names))
            raise TemplateFault(f"there is no {', '.join(sorted(unknown))} here, but {known}")

    def render(self, values: Mapping[str, Any]) -> str:
        """The text. TemplateFault when a name is missing, a value does not fit, or it grows too large."""
        parts: list[str] = []
        size = 0
        try:
            for part in self._template.generate(values):
                size += len(part)
                if size > OUTPUT_LIMIT:
                    _too_large()
                parts.append(part)
        except UndefinedError as error:
            raise TemplateFault(str(error)[:200]) from None
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise TemplateFault(f"{type(error).__name__}: {str(error)[:160]}") from None
        return "".join(parts)

    def true(self, values: Mapping[str, Any]) -> bool:
        """For a template made by `condition`."""
        return self.render(values) == "1"

    def items(self, values: Mapping[str, Any]) -> list[Any]:
        """For a template made by `several`. TemplateFault when it is no list, or a long one."""
        found = json.loads(self.render(values))
        if not isinstance(found, list):
            raise TemplateFault("each: is no list")
        return _some(found)


def condition(expression: str, names: Iterable[str]) -> BoundedTemplate:
    """`expression` (without braces) as something that is so or is not."""
    return BoundedTemplate("{% if " + expression + " %}1{% endif %}", names)


def several(expression: str, names: Iterable[str]) -> BoundedTemplate:
    """`expression` (without braces) as a list."""
    return BoundedTemplate("{{ (" + expression + ") | to_json }}", names)


def _check(tree: nodes.Template) -> None:
    """Only the statements and filters that are bounded, and loops not within loops."""
    for node in tree.find_all(nodes.Stmt):
        if not isinstance(node, _STATEMENTS):
            raise TemplateFault(f"{type(node).__name__.lower()} is not allowed in a template", node.lineno)
    for loop in tree.find_all(nodes.For):
        if loop.recursive or any(inner is not loop for inner in loop.find_all(nodes.For)):
            raise TemplateFault("a loop within a loop is not allowed", loop.lineno)
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name not in _FILTERS:
            raise TemplateFault(f"there is no filter {filtered.name}, but {', '.join(_FILTERS)}", filtered.lineno)
    for test in tree.find_all(nodes.Test):
        if test.name not in _TESTS:
            raise TemplateFault(f"there is no test {test.name}, but {', '.join(_TESTS)}", test.lineno)


def _too_large() -> NoReturn:
    raise TemplateFault(f"it grows over {OUTPUT_LIMIT} characters")
