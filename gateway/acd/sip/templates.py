"""Templates of what travels with a call: compiled once, rendered per contact, with values that can break nothing.

What the operator wrote is sent as written. What a template puts in (names, menu labels, attributes: other people's
words) is made harmless first: control characters are dropped, it is cut to `VALUE_LIMIT` characters, and everything but
letters, digits and a few signs is percent-encoded as UTF-8 (RFC 3986), so that no name can end a header, begin another
or add a parameter. Pure; it knows no SIP.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from gateway.acd.port import ContactOffer
from gateway.base.errors import SetupError

VALUE_LIMIT: Final = 64
"""Characters of one value, before it is encoded."""

MENU_LIMIT: Final = 6
"""Steps of the way through the menu; the last ones say most."""

_KEPT: Final = " -_.:/+@=!*"
_UNQUOTABLE: Final = str.maketrans(dict.fromkeys('"\\<>%;,'))


def harmless(value: object) -> str:
    """Any value as printable ASCII without a sign that SIP gives a meaning to. Reversed by percent-decoding."""
    return quote(_one_line(value), safe=_KEPT, errors="replace")


def readable(value: object) -> str:
    """Any value as ASCII that people read on a telephone: accents are dropped, as is what can't be quoted. Can't be
    reversed."""
    plain = unicodedata.normalize("NFKD", _one_line(value)).encode("ascii", "ignore").decode("ascii")
    return " ".join(plain.translate(_UNQUOTABLE).split())[:VALUE_LIMIT]


def _one_line(value: object) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in str(value)[: 4 * VALUE_LIMIT])
    return " ".join(text.split())[:VALUE_LIMIT]


class Templates:
    """A set of named templates that share their values and how those are made harmless."""

    def __init__(self, sources: Mapping[str, str], made: Callable[[object], str] = harmless) -> None:
        """SetupError (`acd_template`) when one can't be read or holds what no header may hold."""
        # Not HTML: `made` is the escaping.
        environment = SandboxedEnvironment(undefined=StrictUndefined, finalize=made, autoescape=False)
        try:
            for name, source in sources.items():
                if not (source.isascii() and all(" " <= letter <= "~" for letter in source)):
                    raise SetupError("acd_template", f"The template of {name} has signs other than printable ASCII.")
            self._templates = {name: environment.from_string(source) for name, source in sources.items()}
        except TemplateError as error:
            raise SetupError("acd_template", f"A template can't be read: {error}") from error

    def render(self, name: str, values: Mapping[str, object]) -> str | None:
        """The text, on one line of printable ASCII; None when a value that it asks for is missing."""
        try:
            text = self._templates[name].render(values)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            return None  # the operator's template meets a contact that it does not fit
        return text.strip() if all(" " <= letter <= "~" for letter in text) else None


def values_of(offer: ContactOffer) -> dict[str, object]:
    """What templates may name. A list of them is in docs/integrator/sip.md."""
    return {
        "correlation": offer.correlation,
        "contact_id": str(offer.contact_id),
        "queue": offer.queue,
        "language": offer.language,
        "site": offer.site,
        "priority": offer.priority,
        "name": offer.display_name,
        "customer": offer.customer_key,
        "menu": _way(offer.menu_path),
        "skills": ",".join(f"{skill.name}:{skill.min_level}" for skill in offer.skills),
        "canary": "1" if offer.canary else "",
        "attributes": {name: str(value) for name, value in offer.attributes.items()},
    }


def _way(path: Sequence[str]) -> str:
    """The last steps of a menu path, in what `VALUE_LIMIT` leaves for each."""
    steps = path[-MENU_LIMIT:]
    each = VALUE_LIMIT // max(1, len(steps)) - 1
    return "/".join(step.replace("/", " ")[:each].strip() for step in steps)
