"""The fixtures that watch every test can fail."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def house(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    conftest = (request.config.rootpath / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(conftest)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def test_a_task_that_outlives_its_test_fails_it(house: pytest.Pytester) -> None:
    house.makepyfile(
        """
        import asyncio

        async def test_leaks():
            asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="forgotten")

        async def test_slow_to_end():
            asyncio.get_running_loop().create_task(asyncio.sleep(0.05), name="late")
        """
    )
    result = house.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*forgotten*"])


def test_a_sleep_on_the_event_loop_fails_the_test(house: pytest.Pytester) -> None:
    house.makepyfile(
        """
        import time

        async def test_blocks():
            time.sleep(0.001)

        def test_may_wait_outside_a_loop():
            time.sleep(0.001)
        """
    )
    house.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1, failed=1)
