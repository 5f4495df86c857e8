"""Set-up over a bad network: the share that succeeds and how long it takes, by loss. Prints a table."""

from dataclasses import replace

from tests.support.setups import ROUGH, set_up_many

COUNT = 100
ROUNDS = 3
WANTED = {0.01: 0.99, 0.05: 0.99, 0.15: 0.95}


async def test_set_up_share_and_time_by_loss() -> None:
    print(f"\nset-up over 80±30 ms, reorder 2 %, duplicate 1 %, 300 kbit/s, {COUNT * ROUNDS} each")
    print("| loss | succeeded | p50 s | p95 s |\n|---|---|---|---|")
    shares = {}
    for loss in WANTED:
        rounds = [await set_up_many(COUNT, replace(ROUGH, loss=loss), seed=20 + number) for number in range(ROUNDS)]
        took = sorted(each for result in rounds for each in result.took_s)
        shares[loss] = len(took) / (COUNT * ROUNDS)
        p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
        print(f"| {loss:.0%} | {shares[loss]:.1%} | {p50:.2f} | {p95:.2f} |")
    assert all(shares[loss] >= wanted for loss, wanted in WANTED.items()), shares
