"""One person's network: the way of their media and the way of their page, which go away and come back together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Playwright

from tests.support.fake_devices import FakeDevices
from tests.support.impairment import STEERING_BINDING, STEERING_SCRIPT, Impairment, ImpairmentRelay, Path
from tests.support.people import chromium
from tests.support.product import Product
from tests.support.tcp_relay import TcpRelay


@dataclass
class Network:
    """Both ways of one person."""

    media: Path
    pages: TcpRelay

    def cut(self) -> None:
        """Out of reach, without a word."""
        self.media.cut()
        self.pages.cut()

    def mend(self) -> None:
        """Back, at the same address."""
        self.media.mend()
        self.pages.mend()

    def change_address(self) -> None:
        """From one network into another: what was open is dead, nobody is told."""
        self.media.rebind()
        self.pages.change_network()


@dataclass
class Networks:
    """The networks of several people who use one product."""

    product: Product
    relay: ImpairmentRelay

    @asynccontextmanager
    async def browser(
        self,
        playwright: Playwright,
        name: str,
        devices: FakeDevices | None = None,
        impairment: Impairment | None = None,
        arguments: tuple[str, ...] = (),
    ) -> AsyncIterator[tuple[BrowserContext, Network]]:
        """A Chromium that reaches the product, by its own address, only through a network of this name."""
        host, port = urlsplit(self.product.url).hostname, urlsplit(self.product.url).port
        async with AsyncExitStack() as stack:
            pages = await TcpRelay.open((host or "", port or 0))
            stack.push_async_callback(pages.close)
            network = Network(media=self.relay.open_path(name, up=impairment), pages=pages)
            through = f"--host-resolver-rules=MAP {host}:{port} {host}:{pages.port}"
            context = await stack.enter_async_context(chromium(playwright, devices, (through, *arguments)))
            await context.expose_function(STEERING_BINDING, network.media.steer)
            await context.add_init_script(STEERING_SCRIPT)
            yield context, network


@asynccontextmanager
async def networks(product: Product, seed: int = 1) -> AsyncIterator[Networks]:
    """Networks around `product`, until the block ends."""
    relay = ImpairmentRelay(seed=seed)
    try:
        yield Networks(product, relay)
    finally:
        relay.close()
