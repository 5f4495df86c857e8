"""What was promised, checked on everything that happened. Pure: it reads the log and adds violations."""

import json
from collections import Counter
from itertools import pairwise
from typing import Any, Final

from tests.bench.soak.plan import AT_LAST_S, BACK_S, GAP_S, WORKER_LOST_S
from tests.bench.soak.record import Call, Fault, Gap, Log
from tests.bench.soak.stage import Stage

EDGE_S: Final = 3.0
"""Begin and end of a recording, and of what the journal calls talking."""

COMPLETE: Final = 0.97
RECORDED: Final = frozenset({"complete", "limit_reached"})
LEFT: Final = frozenset({"completed"})
EXCUSED_ENDS: Final = LEFT | {
    "abandoned_in_menu",
    "abandoned_in_queue",
    "abandoned_while_alerting",
    "customer_lost",
    "agent_lost",
    "setup_failed",
    "failed",
}
"""How the contact of a call that was hit, or came while Redis was away, may end."""

DECLARED: Final = (
    "media.workers",
    "worker.",
    "capture.",
    "recording.",
    "recordings.",
    "live.",
    "link.",
    "alarm",
    "engine.",
)
"""Logged errors that say what was done to the product: a worker, the disk, Redis."""


def judge_contact(log: Log, call: Call) -> None:
    """One call, when its contact and recording are over."""
    contact, name = call.contact, call.contact_id
    journal: list[dict[str, Any]] = contact.get("journal", [])
    states = [event["state"] for event in journal if event["state"]]
    closings = sum(state == "closed" and (at == 0 or states[at - 1] != "closed") for at, state in enumerate(states))
    if contact.get("state") != "closed":
        log.violate("no contact stays open", f"{name} is {contact.get('state')}")
    elif closings != 1:
        log.violate("every contact is closed exactly once", f"{name}: {closings} times")
    numbers = [event["seq"] for event in journal]
    if numbers != list(range(1, len(numbers) + 1)) and numbers != list(range(len(numbers))):
        log.violate("the journal has no holes", f"{name}: {numbers}")
    excused = bool(call.faults) or _came_without_redis(log, call)
    end = contact.get("end_reason")
    if end not in (EXCUSED_ENDS if excused else LEFT):
        log.violate("calls end as people end them", f"{name}: {end} {call.error}")
    if call.error and not excused:
        log.violate("calls that nothing was done to go well", f"{name}: {call.error}")
    if call.active_s:
        _judge_recording(log, call)


def _came_without_redis(log: Log, call: Call) -> bool:
    """Whether the live state was away while this contact looked for an agent."""
    end_s = call.active_s or call.ended_s
    return any(
        fault.kind.startswith("redis") and fault.began_s <= end_s and fault.until_s + AT_LAST_S >= call.began_s
        for fault in log.faults
    )


def _judge_recording(log: Log, call: Call) -> None:
    recording = call.contact.get("recording") or {}
    name, state = call.contact_id, recording.get("state")
    full = [fault for fault in log.faults if fault.kind == "disk_full"]
    disk = any(fault.began_s <= call.ended_s and fault.until_s + EDGE_S >= call.active_s for fault in full)
    if disk:
        if not (state in RECORDED or state in ("failed", "aborted")):
            log.violate("a recording is finished even when the disk was full", f"{name}: {state}")
        elif recording.get("truncated") == "":
            log.violate("a truncated recording says why", name)
        return
    if state not in RECORDED:
        log.violate("every call without a disk fault is recorded", f"{name}: {state} {recording.get('failure')}")
        return
    talked_s = float(call.contact.get("talk_s") or 0)
    lasts_s = float(recording.get("duration_s") or 0)
    if not call.faults and abs(lasts_s - talked_s) > EDGE_S:
        log.violate("a recording is as long as the call", f"{name}: {lasts_s:.1f} s of {talked_s:.1f} s")
    complete = float(recording.get("completeness") or 0)
    if not call.faults and call.clean and complete < COMPLETE:
        log.violate("a recording is complete", f"{name}: {complete:.3f}")


def judge_gaps(log: Log) -> dict[str, list[float]]:
    """Seconds without sound after each kind of fault, and what should not have been silent at all."""
    back: dict[str, list[float]] = {}
    for call in log.calls:
        for gap in call.gaps:
            fault = gap.fault
            length_s = gap.until_s - gap.from_s
            if fault is None or _began_later(gap, fault):
                if length_s <= GAP_S:
                    continue  # noted because something had been done before, and no more than a network does
                around = log.during("redis_stopped", "redis_killed", "disk_full", at_s=gap.until_s, slack_s=5)
                while_what = f" while {around.kind}" if around else ""
                log.violate(
                    "who nothing was done to hears all the time",
                    f"{gap.side} of {call.contact_id} ({call.network}): {length_s:.1f} s{while_what}",
                )
                continue
            took_s = max(0.0, gap.until_s - _since_s(fault))
            back.setdefault(fault.kind, []).append(took_s)
            limit_s = WORKER_LOST_S if fault.kind == "worker_killed" else AT_LAST_S
            if took_s > limit_s and call.contact.get("end_reason") == "completed":
                log.violate(
                    "who was hit is back in time",
                    f"{gap.side} of {call.contact_id} ({call.network}) after {fault.kind}: {took_s:.1f} s",
                )
    return back


def _since_s(fault: Fault) -> float:
    """From when on a side may be expected back."""
    return fault.until_s if fault.kind == "cut" else fault.began_s


def _began_later(gap: Gap, fault: Fault) -> bool:
    """Whether the side had been heard again: a silence after that is another one, and no part of the way back."""
    return gap.from_s > _since_s(fault) + (WORKER_LOST_S if fault.kind == "worker_killed" else BACK_S)


def judge_offers(log: Log) -> None:
    """No contact was offered to two agents at the same time."""
    by_contact: dict[str, list[tuple[float, float, int]]] = {}
    for seen in log.offers:
        by_contact.setdefault(seen.contact_id, []).append((seen.from_s, seen.until_s, seen.seat))
    for contact_id, offers in by_contact.items():
        offers.sort()
        for (_, until_s, one), (from_s, _, other) in pairwise(offers):
            if from_s < until_s and one != other:
                log.violate("one offer at a time", f"{contact_id}: seats {one} and {other}")


def judge_log(log: Log, stage: Stage) -> Counter[str]:
    """Errors and criticals of the product's log by event, alarms by code. Errors not declared are violations."""
    found: Counter[str] = Counter()
    for line in stage.stderr().read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            found[f"not JSON: {line[:80]}"] += 1
            continue
        if entry.get("level") in ("error", "critical"):
            found[str(entry.get("event"))] += 1
        elif entry.get("event") == "alarm":
            found[f"alarm {entry.get('code')}"] += 1
    for event, times in found.items():
        if not event.startswith(DECLARED):
            log.violate("nothing but declared errors is logged", f"{event} ({times} times)")
    return found
