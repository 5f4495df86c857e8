"""A day of 10,000 contacts and 200 agents on a clock of its own, judged offer by offer by an oracle that shares no code
with the rules; and proof that the oracle would see if a rule were broken.
"""

from collections.abc import Callable

import pytest

from gateway.acd.builtin.routing import decide as deciding
from gateway.acd.builtin.routing import needs
from tests.support.queue_sim import Simulation


def test_the_rules_hold_for_each_contact_of_a_day():
    simulation = Simulation(contacts=10_000, agents=200)
    report = simulation.run()
    assert report.flaws == []
    assert report.ends["answered"] + report.ends["abandoned"] == 10_000
    assert report.longest_line > 100, "there was a peak that was more than the agents could take"
    assert report.ends["moved"] > 0
    assert report.rung > 2 * report.rings > 1000, "and some rang at several"
    patient = [each for each in simulation.callers.values() if each.patience_s == float("inf")]
    assert all(each.ended == "answered" for each in patient), "nobody starves"
    count, median_s, _ = report.estimate_error()
    assert count > 5000
    assert median_s < 30, "estimates are about what happens"


def blind(*_: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (deciding, "fits", blind),
        (deciding, "rank", lambda ticket, rules, now_s: (True, 0.0, -ticket.queued_s, ticket.contact_id)),
        (deciding, "needs_of", lambda *args, **more: needs.needs_of(*args, **(more | {"only": None}))),
        (deciding, "choose", lambda candidates, *_, **__: [max(candidates, key=lambda each: each.seat.agent_id)]),
        (needs, "skills_at", lambda *_: ()),
    ],
)
def test_a_broken_rule_is_seen(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: Callable[..., object]
):
    monkeypatch.setattr(module, name, broken)
    assert Simulation(contacts=1500, agents=30).run().flaws != []
