"""Real servers for tests: redis-server and PostgreSQL, started on a socket or port of their own, killed afterwards.

A missing binary is an error that names the package: these tests are never skipped.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.support.ports import free_port

_START_S = 30.0
_PACKAGES = "apt-get install redis-server postgresql"


class MissingBinary(RuntimeError):
    """A server that the tests need is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed; the tests need it: {_PACKAGES}")


async def until(condition: Callable[[], bool | Awaitable[bool]], *, what: str, deadline_s: float = _START_S) -> None:
    """Return when `condition` holds; AssertionError naming `what` after the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        held = condition()
        if not isinstance(held, bool):
            held = await held
        if held:
            return
        assert loop.time() < end, f"not within {deadline_s} s: {what}"
        await asyncio.sleep(0.02)


def _wait(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", what: str, log: Path) -> None:
    end = time.monotonic() + _START_S
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            process.wait()
            raise RuntimeError(f"{what} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


class RedisServer:
    """A redis-server on a Unix socket in a folder of its own. What it knew is gone after `kill`, unless `durable`."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise MissingBinary("redis-server")
        self._binary = binary
        self._folder = folder
        self._durable = durable
        self.socket_path = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        log = self._folder / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    self._binary,
                    "--port", "0",
                    "--unixsocket", str(self.socket_path),
                    "--dir", str(self._folder),
                    "--save", "",
                    "--appendonly", "yes" if self._durable else "no",
                ],
                stdout=output,
                stderr=output,
            )  # fmt: skip
        _wait(self._answers, self._process, "redis-server", log)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis(unix_socket_path=str(self.socket_path)) as client:
            return bool(client.ping())
        return False

    def pause(self) -> None:
        """It hangs: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Gone at once, with everything it knew."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(number)


class PostgresServer:
    """A PostgreSQL cluster in a folder of its own, reached by a Unix socket and a TCP port chosen by the system."""

    def __init__(self, folder: Path) -> None:
        self._bin = _postgres_binaries()
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = "postgres"
            self._as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
            shutil.chown(folder, user, user)
        subprocess.run(
            [
                *self._as_user, str(self._bin / "initdb"), "-D", str(self._data), "-U", "visavis",
                "-A", "trust", "-E", "UTF8", "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )  # fmt: skip

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of `database`."""
        return f"postgresql+asyncpg://visavis@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *self._as_user, str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port),
                    "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                    "-c", "max_connections=40", "-c", "shared_buffers=16MB",
                ],
                stdout=output,
                stderr=output,
                cwd=self._folder,
            )  # fmt: skip
        _wait(self._answers, self._process, "postgres", self._log)

    def _answers(self) -> bool:
        done = subprocess.run(
            [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return done.returncode == 0

    def create_database(self, name: str) -> str:
        """A new, empty database; its SQLAlchemy URL."""
        subprocess.run(
            [str(self._bin / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "visavis", name],
            check=True,
            capture_output=True,
        )
        return self.url(name)

    def stop(self) -> None:
        """Gone as in a crash: connections are cut, what was committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Every process of it hangs: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None, "the server is not running"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for process_id in [self._process.pid, *(int(child) for child in children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, number)


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise MissingBinary("PostgreSQL")
    return Path(on_path).parent


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """A short path (Unix sockets allow 107 characters) that another user may enter."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One redis-server for the session; tests that stop it take `own_redis_server`."""
    with _folder("vv-redis-") as folder:
        server = RedisServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def own_redis_server() -> Iterator[RedisServer]:
    with _folder("vv-redis-") as folder:
        server = RedisServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the session; each test makes a database of its own. Tests that stop it start it again."""
    with _folder("vv-postgres-") as folder:
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
