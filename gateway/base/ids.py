"""Typed, prefixed, unguessable identifiers."""

import re
import secrets
from typing import Final, NewType

ContactId = NewType("ContactId", str)
LegId = NewType("LegId", str)
AgentId = NewType("AgentId", str)
OfferId = NewType("OfferId", str)
RecordingId = NewType("RecordingId", str)
AccountId = NewType("AccountId", str)

_ID = re.compile(r"[a-z]{2}_[0-9a-z]{8,40}")
_ALPHABET: Final = "0123456789abcdefghijkmnpqrstvwxyz"  # no l, o, u: read aloud on a phone line without mistakes
_LENGTH: Final = 26  # 33**26 > 2**128


def new_id(prefix: str) -> str:
    """A fresh id such as `ct_…` with at least 128 random bits, safe in a URL path and in a file name."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def new_contact_id() -> ContactId:
    return ContactId(new_id("ct"))


def new_leg_id() -> LegId:
    return LegId(new_id("lg"))


def new_offer_id() -> OfferId:
    return OfferId(new_id("of"))


def new_recording_id() -> RecordingId:
    return RecordingId(new_id("rc"))


def looks_like_id(text: str, prefix: str) -> bool:
    """Whether `text` has the shape of an id with that prefix. Says nothing of whether the thing exists."""
    return text.startswith(f"{prefix}_") and _ID.fullmatch(text) is not None
