"""Recordings that were judged go as an admin erases them: the disk has no room for half an hour of them.

Files that are taken away behind the product's back are faults to it, and it tells them as such.
"""

import asyncio
import time
from typing import Final, Self

import aiohttp

from gateway.canary.talk import CanaryFailure, request
from tests.bench.soak.record import Log
from tests.support.hostile import admin
from tests.support.product import Product

LIMIT_S: Final = 120.0
"""Redis may be away meanwhile, and with it who is signed in."""

ASK_S: Final = 2.0


class Eraser:
    """An admin. Made by `open`, ended by `close`."""

    def __init__(self, http: aiohttp.ClientSession, log: Log) -> None:
        self._http = http
        self.log = log

    @classmethod
    async def open(cls, product: Product, log: Log) -> Self:
        return cls(await admin(product), log)

    async def close(self) -> None:
        await self._http.close()

    async def erase(self, recording_id: str) -> None:
        """Ask until it is done. What stays is written down: nothing holds these."""
        body = {"subject": recording_id, "reason": "it was judged"}
        end_s = time.monotonic() + LIMIT_S
        while True:
            try:
                receipt = (await request(self._http, "POST", "/api/v1/erasures", body=body))["receipt"]
            except CanaryFailure as error:
                why = str(error)
            else:
                if kept := receipt["kept"]:
                    self.log.violate("what was judged can be erased", f"{recording_id}: {kept[0]['why']}")
                return
            if time.monotonic() > end_s:
                self.log.violate("what was judged can be erased", f"{recording_id}: {why}")
                return
            await asyncio.sleep(ASK_S)
