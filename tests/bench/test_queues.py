"""What distributing costs: decisions of a simulated day, and four gateways on one redis-server. One JSON line each."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.queue_node import play_together
from tests.support.queue_sim import Simulation
from tests.support.servers import RedisServer


def test_a_day_of_ten_thousand_contacts_and_two_hundred_agents() -> None:
    report = Simulation(contacts=10_000, agents=200).run()
    print(json.dumps({"bench": "queues_day"} | report.as_json()))
    assert report.flaws == []


@pytest.mark.timeout(1200)
async def test_four_gateways_and_ten_thousand_contacts_on_one_server(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        played = await play_together(
            tmp_path,
            server.url,
            nodes=4,
            contacts=10_000,
            agents=200,
            per_second=120,
            talk_s=1.4,
            within_s=900,
            prefix=f"b{uuid4().hex[:12]}",
        )
    finally:
        server.kill()
    print(json.dumps({"bench": "queues_nodes"} | played | {"flaws": played["flaws"][:10]}))
    assert played["flaws"] == []
    assert played["ended"] == 10_000
