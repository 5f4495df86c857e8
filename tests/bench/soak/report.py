"""What a soak found: one JSON line, and a table to be read and pasted."""

import json
import os
from collections import Counter
from typing import Any

from gateway.canary.report import percentile
from tests.bench.soak.plan import BACK_S, GROWTH, WORKER_LOST_S, Plan
from tests.bench.soak.record import Log
from tests.bench.soak.watch import Vitals


def summary(plan: Plan, log: Log, vitals: Vitals, back: dict[str, list[float]], errors: Counter[str]) -> dict[str, Any]:
    """Everything in numbers."""
    taken = [call for call in log.calls if call.contact_id]
    return {
        "minutes": plan.minutes,
        "calls_at_once": plan.calls,
        "stood_still_s": round(log.stood_still_s, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "contacts": len(taken),
        "talked": sum(bool(call.active_s) for call in taken),
        "refused": sum(bool(call.refused) for call in log.calls),
        "refused_for": dict(Counter(call.refused.split(" failed")[0][:80] for call in log.calls if call.refused)),
        "ends": dict(Counter(str(call.contact.get("end_reason")) for call in taken)),
        "recordings": dict(Counter(str((call.contact.get("recording") or {}).get("state")) for call in taken)),
        "truncated": sum(bool((call.contact.get("recording") or {}).get("truncated")) for call in taken),
        "faults": dict(Counter(fault.kind for fault in log.faults)),
        "watched_beside_killed_workers": log.watched,
        "back_s": {
            kind: {"times": len(each), "p50": round(percentile(each, 0.5), 1), "p95": round(percentile(each, 0.95), 1)}
            for kind, each in back.items()
        },
        "held": {
            name: {
                "thirds": [round(each, 1) for each in vitals.growth(values)],
                "per_hour": round(vitals.slope_per_hour(values), 1),
            }
            for name, values in held(vitals).items()
        },
        "refused_messages": dict(log.refusals),
        "logged_errors": dict(errors),
        "violations": dict(Counter(each.what for each in log.violations)),
    }


def held(vitals: Vitals) -> dict[str, list[float]]:
    return {"memory_mb": vitals.memory_mb, "descriptors": vitals.descriptors, "tasks": vitals.tasks}


def judge_vitals(log: Log, vitals: Vitals) -> None:
    """Flat after warming up: the last third is not above the one before by more than `GROWTH`."""
    for name, values in held(vitals).items():
        before, after = vitals.growth(values)
        if before and after > before * GROWTH:
            log.violate("memory, descriptors and tasks stay flat", f"{name}: {before:.0f}, then {after:.0f}")


SHOWN = 10
"""Of each broken promise."""

PROMISES = (
    "every contact is closed exactly once",
    "no contact stays open",
    "the journal has no holes",
    "one offer at a time",
    "calls end as people end them",
    "calls that nothing was done to go well",
    "who nothing was done to hears all the time",
    "others lose nothing through a killed worker",
    "who was hit is back in time",
    "every call without a disk fault is recorded",
    "a recording is as long as the call",
    "a recording is complete",
    "a recording is finished even when the disk was full",
    "a truncated recording says why",
    "what was judged can be erased",
    "memory, descriptors and tasks stay flat",
    "nothing but declared errors is logged",
)


def print_report(figures: dict[str, Any], log: Log) -> None:
    print(json.dumps(figures))
    print()
    print(f"| promise ({figures['contacts']} contacts, {figures['minutes']:g} minutes) | broken |")
    print("|---|---|")
    for promise in PROMISES:
        print(f"| {promise} | {figures['violations'].get(promise, 0) or 'never'} |")
    print()
    print(f"Watched beside killed workers: {log.watched} calls on networks that lose nothing.")
    print()
    print("| fault | times | sides that were silent | back after p50 / p95 s | asked |")
    print("|---|---|---|---|---|")
    for kind, times in figures["faults"].items():
        back = figures["back_s"].get(kind)
        asked = {"worker_killed": f"≤ {WORKER_LOST_S:g}", "cut": f"p95 ≤ {BACK_S:g}", "reload": f"p95 ≤ {BACK_S:g}"}
        shown = f"{back['times']} | {back['p50']} / {back['p95']}" if back else "none | "
        print(f"| {kind} | {times} | {shown} | {asked.get(kind, 'nobody silent')} |")
    print()
    print("| held | second third | last third | per hour |")
    print("|---|---|---|---|")
    for name, found in figures["held"].items():
        print(f"| {name} | {found['thirds'][0]} | {found['thirds'][1]} | {found['per_hour']:+} |")
    print()
    shown: Counter[str] = Counter()
    for violation in log.violations:
        shown[violation.what] += 1
        if shown[violation.what] <= SHOWN:
            print(f"BROKEN {violation.what}: {violation.detail}")
    if log.stood_still_s > SHOWN:
        print(f"The robots' process stood still for {log.stood_still_s:.0f} s: the machine is too busy for this.")
