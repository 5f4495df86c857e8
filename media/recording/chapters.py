"""What a player's list of chapters says of a call: talking, on hold, paused, somebody back after a loss.

Made of the capture's marks, of legs that follow one another, and of media processes that died. Pure; times are seconds
from the start of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

MAX_CHAPTERS: Final = 500
SHORTEST_S: Final = 0.001

_TITLES: Final = {
    "en": {
        "conversation": "Conversation",
        "hold": "On hold",
        "pause": "Recording paused",
        "agent_lost": "Agent away",
        "interrupted": "Recording interrupted",
        "customer_back": "Customer reconnected",
        "agent_back": "Agent reconnected",
        "transfer": "Transferred",
    },
    "fr": {
        "conversation": "Conversation",
        "hold": "En attente",
        "pause": "Enregistrement en pause",
        "agent_lost": "Conseiller absent",
        "interrupted": "Enregistrement interrompu",
        "customer_back": "Client reconnecté",
        "agent_back": "Conseiller reconnecté",
        "transfer": "Transféré",
    },
    "es": {
        "conversation": "Conversación",
        "hold": "En espera",
        "pause": "Grabación en pausa",
        "agent_lost": "Agente ausente",
        "interrupted": "Grabación interrumpida",
        "customer_back": "Cliente reconectado",
        "agent_back": "Agente reconectado",
        "transfer": "Transferido",
    },
}
_ISO_639_2: Final = {"en": "eng", "fr": "fre", "es": "spa", "de": "ger", "it": "ita", "nl": "dut", "pt": "por"}

_BEGINS: Final = {"hold": "hold", "pause": "pause"}
_ENDS: Final = {"retrieve": "hold", "resume": "pause"}
_MOMENTS: Final = ("transfer", "customer_back", "agent_back")
_STATES: Final = ("interrupted", "pause", "hold")
"""The first of these that holds gives a chapter its title."""


@dataclass(frozen=True, slots=True)
class Event:
    """A mark of the capture, or what was found in it: `customer_back`, `agent_back`, `interrupted`, `continued`."""

    at_s: float
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """`kind` is one of the names in the lists of titles, `title` what it is called in the recording's language."""

    start_s: float
    end_s: float
    kind: str
    title: str


def iso_639_2(language: str) -> str:
    """The three letters Matroska wants (the bibliographic ones); `und` for a language not in our list."""
    return _ISO_639_2.get(language.partition("-")[0].lower(), "und")


def chapters(events: Sequence[Event], end_s: float, language: str = "en") -> list[Chapter]:
    """Chapters without holes from 0 to `end_s`; none when there is nothing to tell apart."""
    titles = _TITLES.get(language.partition("-")[0].lower(), _TITLES["en"])
    now: dict[str, str] = {}  # what holds → the kind of chapter it makes
    starts: list[tuple[float, str]] = [(0.0, "conversation")]
    for event in sorted(events, key=lambda event: event.at_s):
        if event.name in _BEGINS:
            away = event.name == "pause" and event.detail == "agent_lost"
            now.setdefault(_BEGINS[event.name], "agent_lost" if away else event.name)
        elif event.name in _ENDS:
            now.pop(_ENDS[event.name], None)
        elif event.name == "interrupted":
            now["interrupted"] = "interrupted"
        elif event.name == "continued":
            now.pop("interrupted", None)
        elif event.name not in _MOMENTS:
            continue
        otherwise = event.name if event.name in _MOMENTS else "conversation"
        kind = next((now[state] for state in _STATES if state in now), otherwise)
        starts.append((min(max(event.at_s, 0.0), end_s), kind))
    out: list[Chapter] = []
    ends = [*(start_s for start_s, _ in starts[1:]), end_s]
    for (_, kind), to_s in zip(starts, ends, strict=True):
        from_s = out[-1].end_s if out else 0.0
        if to_s - from_s < SHORTEST_S:
            continue
        if out and (len(out) >= MAX_CHAPTERS or (out[-1].kind == kind and kind not in _MOMENTS)):
            out[-1] = replace(out[-1], end_s=to_s)
        else:
            out.append(Chapter(from_s, to_s, kind, titles[kind]))
    return out if len(out) > 1 else []
