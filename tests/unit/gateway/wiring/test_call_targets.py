"""A target in call mode that is given up while its feed connects: nothing of its adapter goes on."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.acd.cti.reader import CtiFigures
from gateway.acd.kit.target import SECRET, read_target
from gateway.acd.sip.feed import FeedAbilities, FeedListener
from gateway.wiring.targets import calls
from gateway.wiring.targets.aim import Aim
from gateway.wiring.targets.calls import call_bench
from media.port import EVENT
from tests.support.clock import FakeClock
from tests.support.fake_media import FakeMedia
from tests.support.servers import until

AIM = Aim(
    target=read_target("ami", "ami://visavis@127.0.0.1:5038"),
    call=read_target("sip", "sip:7000@127.0.0.1:5060"),
    queue="kit",
    environ={SECRET: "hush"},
)


class DeafFeed:
    """It never connects."""

    connected = False

    def __init__(self, figures: Callable[[], CtiFigures]) -> None:
        self.figures = figures
        self.open = False

    def abilities(self) -> FeedAbilities:
        return FeedAbilities()

    def listen(self, listener: FeedListener) -> None:
        """It says nothing."""

    async def start(self) -> None:
        self.open = True

    async def aclose(self) -> None:
        self.open = False


def broken() -> CtiFigures:
    raise OSError("not what anybody expects")


@pytest.mark.parametrize(("figures", "given_up"), [(CtiFigures, asyncio.CancelledError), (broken, OSError)])
async def test_who_is_given_up_while_it_connects_is_closed(
    monkeypatch: pytest.MonkeyPatch, figures: Callable[[], CtiFigures], given_up: type[BaseException]
) -> None:
    async def there(*_: object) -> FakeMedia:
        return media

    media, feed = FakeMedia(), DeafFeed(figures)
    monkeypatch.setattr(calls, "reach", there)
    monkeypatch.setattr(calls, "_engine", there)
    monkeypatch.setattr(calls, "_feed", lambda *_: feed)
    async with call_bench(AIM, FakeClock()) as bench:
        opening = asyncio.create_task(bench.open_(lambda acd: None))
        if given_up is asyncio.CancelledError:
            await until(lambda: feed.open, what="its feed connects")
            opening.cancel()
        with pytest.raises(given_up):
            await opening
        assert not feed.open
        assert not media.events.listeners(EVENT)
