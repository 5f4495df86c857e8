"""The machine's clock is set in mid-call, by days either way: calls and their timers do not notice.

Sign-ins end by the calendar, as they are meant to; here they last longer than the clock is moved.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.product import Product, Scene, contact_when, scene

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


SIGN_INS = {"VISAVIS_SESSIONS__AGENT_ABSOLUTE": "1000h", "VISAVIS_SESSIONS__AGENT_IDLE": "1000h"}


class WallClock:
    """The wall clock of processes started with `environment`; their monotonic clock stays the machine's."""

    def __init__(self, folder: Path) -> None:
        if not _LIBRARIES:
            pytest.fail("libfaketime is missing: apt-get install faketime")
        self._file = folder / "offset"
        self.set(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: timedelta) -> None:
        """From now on it shows the true time and `offset`."""
        self._file.write_text(f"{offset.total_seconds():+.0f}\n", encoding="ascii")


async def talk_goes_on(call: Scene) -> None:
    """A second of pictures and sound both ways, hardly anything lost."""
    before = (call.customer_media.counts(), call.agent_media.counts())
    for media, earlier in zip((call.customer_media, call.agent_media), before, strict=True):
        async with asyncio.timeout(30):
            while media.counts().since(earlier).audio_packets < 50:
                await media.heard_since(media.counts())
        assert media.counts().since(earlier).lost < 10


async def test_a_clock_that_jumps_by_days_cuts_no_call_and_delays_no_timer(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    product = await Product.start(tmp_path / "product", settings=clock.environment | SIGN_INS)
    try:
        async with scene(product) as call:
            await call.to("queue", "ringing", "call")
            for offset in (timedelta(days=10), timedelta(days=-1), timedelta(seconds=1), timedelta()):
                clock.set(offset)
                await talk_goes_on(call)
            await call.to("wrap_up", "end")
            contact = await contact_when(product, call.contact_id, state="closed", recording="complete")
        names = [event["name"] for event in contact["journal"]]
        assert "interrupted" not in names
        assert names.count("closed") == 1
        assert contact["recording"]["duration_s"] < 120, "the recording has no hole of days in it"
    finally:
        await product.kill()
