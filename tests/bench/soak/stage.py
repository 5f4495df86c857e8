"""What a soak runs on: the product as a process, Redis beside it, a small disk for recordings; what can be killed."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Final

from gateway.config import MediaSettings
from tests.bench.machine import family
from tests.bench.soak.plan import Plan
from tests.support.product import Product
from tests.support.servers import RedisServer

_WORKER: Final = "media.workers.worker"
_FILLER: Final = "filler"
LEAST_FREE_BYTES: Final = 60_000_000


class Stage:
    """Made by `start`, ended by `close`. Everything is below one folder."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.redis = RedisServer(folder, durable=True)
        self.product: Product
        self._plan = plan
        self._recordings = folder / "product" / "data" / "recordings"
        self.own_disk = False

    async def start(self) -> None:
        self.redis.start()
        self._recordings.mkdir(parents=True)
        size = f"size={self._plan.disk_bytes}"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self._recordings)]
        self.own_disk = (await asyncio.to_thread(subprocess.run, mount, check=False)).returncode == 0
        settings = {
            "VISAVIS_LIVE__URL": self.redis.url,
            "VISAVIS_RECORDING__MIN_FREE_BYTES": str(LEAST_FREE_BYTES),
            "VISAVIS_LIMITS__ENTRIES_PER_MINUTE": "100000",
            "VISAVIS_CONTACTS__WRAP_UP": "30s",
        }
        if "workers" in MediaSettings.model_fields:
            settings["VISAVIS_MEDIA__WORKERS"] = str(self._plan.workers)
        self.product = await Product.start(self.folder / "product", settings=settings)

    async def close(self) -> None:
        """End everything that was started. The folder with the logs stays, the disk does not."""
        if hasattr(self, "product"):
            await self.product.kill()
        self.redis.kill()
        if self.own_disk:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", str(self._recordings)], check=False)

    # ------------------------------------------------------------ workers

    def workers(self) -> dict[int, set[int]]:
        """Process id → UDP ports, of the media workers that run now."""
        found = {}
        for pid in family(self.product.process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if _WORKER in command:
                found[pid] = _udp_ports(pid)
        return found

    # ------------------------------------------------------------ disk

    def fill_disk(self) -> None:
        """Not a byte is left where recordings go. Only on a disk of their own."""
        with (self._recordings / _FILLER).open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(1 << 20))
            except OSError:
                return

    def empty_disk(self) -> None:
        (self._recordings / _FILLER).unlink(missing_ok=True)

    def stderr(self) -> Path:
        return self.folder / "product" / "stderr"


def _udp_ports(pid: int) -> set[int]:
    inodes = set()
    try:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(fd)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        lines = Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]
    except OSError:
        return set()
    fields = [line.split() for line in lines]
    return {int(each[1].rsplit(":", 1)[1], 16) for each in fields if each[9] in inodes}
