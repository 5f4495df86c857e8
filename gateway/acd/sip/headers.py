"""What an INVITE carries besides the call itself: who calls, the correlation, and the operator's headers.

One User-to-User header at most, in hex and within 128 characters (RFC 7433; Genesys Cloud discards all of them when
there are two), because some ACDs read it and nothing else. All added headers together stay below `HEADERS_LIMIT` bytes,
so that the INVITE keeps fitting into one UDP datagram (RFC 3261 §18.1.1: 1300 bytes); those that do not are left out,
the last first. It renders; it neither dials nor knows a trunk's health.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.acd.port import ContactOffer
from gateway.acd.sip.templates import Templates, readable, values_of
from gateway.base.errors import SetupError
from gateway.config.acd_sip import SipAcdSettings

HEADERS_LIMIT: Final = 700
VALUE_BYTES_LIMIT: Final = 512
"""Of one header: the media port refuses to dial with a longer one."""

USER_TO_USER: Final = "User-to-User"
USER_TO_USER_LIMIT: Final = 128
CALLERS_LIMIT: Final = 200
"""Different numbers we call as: each is an account that the SIP stack keeps for good."""

_NAME: Final = re.compile(r"(X|P)-[A-Za-z0-9-]{1,60}", re.ASCII)
_CALLER: Final = re.compile(r"\+?[A-Za-z0-9._-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dressing:
    """What one contact's INVITE carries. `caller` empty: the trunk's own number."""

    headers: tuple[tuple[str, str], ...]
    caller: str
    caller_name: str
    left_out: tuple[str, ...]  # names of headers that could not be made or did not fit


class Wardrobe:
    """The operator's templates, checked; dresses each contact's INVITE."""

    def __init__(self, settings: SipAcdSettings) -> None:
        """SetupError (`acd_template`, `acd_header`)."""
        for name in settings.headers:
            if _NAME.fullmatch(name) is None or name.lower() == "x-user-to-user":
                raise SetupError(
                    "acd_header",
                    f"{name!r} can't be added to a call: names begin with X- or P-, and User-to-User has a setting of "
                    "its own.",
                )
        if len({name.lower() for name in settings.headers}) < len(settings.headers):
            raise SetupError("acd_header", "A header is there twice: upper and lower case are the same to SIP.")
        self._names = tuple(settings.headers)
        self._uui = settings.user_to_user
        self._uui_prefix = settings.user_to_user_prefix
        self._uui_parameters = settings.user_to_user_parameters
        self._templates = Templates(
            {
                **{f"headers.{name}": source for name, source in settings.headers.items()},
                "user_to_user": settings.user_to_user,
            }
        )
        self._caller_templates = Templates(
            {"caller_id": settings.caller_id, "caller_name": settings.caller_name}, made=readable
        )
        self._callers: set[tuple[str, str]] = set()

    def dress(self, offer: ContactOffer, attributes: Mapping[str, str] | None = None) -> Dressing:
        """Render for one contact; `attributes` in place of those it was offered with."""
        values = values_of(offer)
        if attributes is not None:
            values["attributes"] = {name: str(value) for name, value in attributes.items()}
        headers: list[tuple[str, str]] = []
        left_out: list[str] = []
        room = HEADERS_LIMIT
        for name, text in self._texts(values):
            size = len(name) + len(text or "") + 4  # the colon, a space, the end of the line
            if text is None or len(text) > VALUE_BYTES_LIMIT or size > room:
                left_out.append(name)
            elif text:
                headers.append((name, text))
                room -= size
        caller, caller_name = self._caller(values)
        return Dressing(headers=tuple(headers), caller=caller, caller_name=caller_name, left_out=tuple(left_out))

    def _texts(self, values: Mapping[str, object]) -> list[tuple[str, str | None]]:
        texts = [(name, self._templates.render(f"headers.{name}", values)) for name in self._names]
        return [(USER_TO_USER, self._user_to_user(values)), *texts] if self._uui else texts

    def _user_to_user(self, values: Mapping[str, object]) -> str | None:
        """RFC 7433 §4.1: hex digits, then parameters. Too long: None, as a part of an id is worse than none."""
        data = self._templates.render("user_to_user", values)
        if not data:
            return data
        text = f"{self._uui_prefix}{data.encode('ascii').hex()}{self._uui_parameters}"
        return text if len(text) <= USER_TO_USER_LIMIT else None

    def _caller(self, values: Mapping[str, object]) -> tuple[str, str]:
        """Who we call as. What is no number or name, or one too many, is the trunk's own."""
        caller = self._caller_templates.render("caller_id", values) or ""
        if _CALLER.fullmatch(caller) is None:
            caller = ""
        shown = readable(self._caller_templates.render("caller_name", values) or "")[:40].strip()
        if (caller, shown) not in self._callers:
            if len(self._callers) >= CALLERS_LIMIT:
                return "", ""
            self._callers.add((caller, shown))
        return caller, shown
