"""Four processes, each with its share of contacts and agents, on one redis-server: one line, in order, nobody twice."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.queue_node import judge, play_together
from tests.support.servers import RedisServer

CONTACTS = 400


async def test_four_gateways_serve_one_line_in_order_and_lose_nobody(redis_server: RedisServer, tmp_path: Path) -> None:
    played = await play_together(
        tmp_path,
        redis_server.url,
        nodes=4,
        contacts=CONTACTS,
        agents=24,
        per_second=150,
        talk_s=0.1,
        within_s=90,
        prefix=f"t{uuid4().hex[:12]}",
    )
    assert played["flaws"] == []
    assert played["ended"] == CONTACTS
    assert played["offers"] == played["reserved"] >= CONTACTS
    assert played["too_late"] > 0, "several answered what rang at them all, and one had it"


ANNA = (1, "seat", ("anna", ("sales",), True))
BEN = (2, "seat", ("ben", ("sales",), True))
ONE = (3, "ticket", ("one", "sales", 1.0, True, "", False))
TWO = (4, "ticket", ("two", "sales", 2.0, True, "", False))


@pytest.mark.parametrize(
    ("history", "flawed"),
    [
        ([(5, "reserved", ("one", "anna")), (6, "reserved", ("two", "ben"))], False),
        ([(5, "reserved", ("two", "ben")), (6, "reserved", ("one", "anna"))], False),
        ([(5, "reserved", ("one", "anna")), (6, "reserved", ("two", "anna"))], True),
        ([(5, "reserved", ("one", "anna")), (6, "reserved", ("one", "ben"))], True),
        ([(5, "seat", ("ben", ("sales",), False)), (6, "reserved", ("two", "anna"))], True),
        ([(5, "seat", ("anna", ("parts",), True)), (6, "reserved", ("one", "anna"))], True),
        ([(5, "gone", "one"), (6, "reserved", ("one", "anna"))], True),
        ([(5, "rung", ("one", ["anna", "ben"])), (6, "took", ("one", "ben")), (7, "reserved", ("two", "anna"))], False),
        ([(5, "rung", ("one", ["anna", "ben"])), (6, "rung", ("two", ["ben"]))], True),
        ([(5, "rung", ("one", ["anna", "ben"])), (6, "took", ("one", "ben")), (7, "took", ("one", "anna"))], True),
        ([(5, "rung", ("one", ["anna"])), (6, "took", ("one", "ben"))], True),
        ([(5, "rung", ("one", ["anna"])), (6, "reserved", ("one", "ben"))], True),
    ],
)
def test_the_judge_sees_who_was_passed_and_who_was_taken_twice(history: list[tuple[int, str, object]], flawed: bool):
    assert bool(judge([[ANNA, TWO, *history], [BEN, ONE]])[0]) is flawed
