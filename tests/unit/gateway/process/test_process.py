"""A wrong set-up is one plain line that says what to do."""

import asyncio
import gc
import signal
import socket
from pathlib import Path

import pytest

from gateway.base.errors import SetupError
from gateway.base.upkeep import set_start_aside, watch_lag
from gateway.engines import udp_refused
from gateway.process import StopSignals, data_folder


def test_a_missing_data_folder_is_made_private(tmp_path: Path) -> None:
    with data_folder(tmp_path / "a" / "b") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SetupError, match="VISAVIS_DATA_DIR") as refused, data_folder(file):
        pass
    assert str(file) in refused.value.detail
    assert "\n" not in refused.value.detail


def test_a_data_folder_is_used_by_one_gateway_at_a_time(tmp_path: Path) -> None:
    with data_folder(tmp_path), pytest.raises(SetupError, match="in use by another gateway"), data_folder(tmp_path):
        pass
    with data_folder(tmp_path):
        """The lock ends with its holder."""


def test_a_busy_media_port_is_refused_with_a_way_on() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        with pytest.raises(OSError) as busy:  # noqa: PT011 - the error is what is explained
            other.bind(one.getsockname())
    assert udp_refused(busy.value, "", 5000).code == "media_port_busy"
    assert "VISAVIS_MEDIA__PORT" in udp_refused(busy.value, "", 5000).detail
    several = udp_refused(busy.value, "", 5000, 4).detail
    assert "5000 to 5003" in several
    assert "VISAVIS_MEDIA__PORT=5004" in several


async def test_the_first_signal_drains_and_the_second_stops_at_once() -> None:
    signals = StopSignals()
    signals.listen()
    try:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(signals.drain.wait(), 30)
        assert not signals.now.is_set()
        signal.raise_signal(signal.SIGINT)
        await asyncio.wait_for(signals.now.wait(), 30)
    finally:
        signals.unlisten()


async def test_lag_is_what_the_loop_came_too_late() -> None:
    class LateClock:
        """A clock whose every sleep ends 0.4 s late."""

        time = 0.0

        def monotonic(self) -> float:
            return self.time

        async def sleep_until(self, deadline: float) -> None:
            self.time = deadline + 0.4
            await asyncio.sleep(0)

    lags: list[float] = []
    enough = asyncio.Event()

    def report(lag_s: float) -> None:
        lags.append(lag_s)
        enough.set()

    task = asyncio.get_running_loop().create_task(watch_lag(LateClock(), report))  # type: ignore[arg-type]
    await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lags[0] == pytest.approx(0.4)


def test_what_the_start_made_is_not_walked_by_later_collections() -> None:
    made_at_the_start = {"routes": [object()]}
    before = len(gc.get_objects())
    set_start_aside()
    try:
        assert not any(each is made_at_the_start for each in gc.get_objects())
        assert len(gc.get_objects()) < before / 10
    finally:
        gc.unfreeze()
