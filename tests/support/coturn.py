"""A real TURN server for tests: the operator's example configuration, on loopback and on ports that are free."""

import asyncio
import contextlib
import datetime
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.ports import free_port
from tests.support.product import ROOT

SECRET = "shared-with-the-turn-server"
START_S = 20.0


@dataclass(frozen=True)
class TurnServer:
    port: int
    tls_port: int
    log: Path

    @property
    def urls(self) -> dict[str, str]:
        return {
            "tcp": f"turn:127.0.0.1:{self.port}?transport=tcp",
            "tls": f"turns:127.0.0.1:{self.tls_port}?transport=tcp",
        }


def example_configuration(folder: Path, port: int, tls_port: int) -> str:
    """deploy/coturn.conf with this test's values in the place of its capitals."""
    text = (ROOT / "deploy" / "coturn.conf").read_text(encoding="utf-8")
    for old, new in (
        ("listening-port=3478", f"listening-port={port}"),
        ("tls-listening-port=443", f"tls-listening-port={tls_port}"),
        ("ADDRESS-OF-THIS-HOST", "127.0.0.1"),
        ("MEDIA-ADDRESS-OF-THE-GATEWAY", "127.0.0.1"),
        ("turn.EXAMPLE.COM", "turn.test"),
        ("/etc/coturn/FULLCHAIN.pem", str(folder / "certificate.pem")),
        ("/etc/coturn/PRIVATE-KEY.pem", str(folder / "key.pem")),
        ("SECRET-OF-AT-LEAST-16-CHARACTERS", SECRET),
        ("no-stdout-log\nsyslog\n", f"log-file={folder / 'turn.log'}\nsimple-log\nverbose\n"),
    ):
        if old not in text:
            raise AssertionError(f"deploy/coturn.conf has no {old}")
        text = re.sub(rf"(?<![\w-]){re.escape(old)}", lambda _, new=new: new, text)
    return text + f"allow-loopback-peers\npidfile={folder / 'pid'}\nuserdb={folder / 'turndb'}\n"


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[TurnServer]:
    """Running until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - the test has nothing else to do
    port, tls_port = free_port(), free_port()
    write_certificate(folder)
    configuration = folder / "coturn.conf"
    configuration.write_text(example_configuration(folder, port, tls_port), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        "-c",
        str(configuration),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(START_S):
            for each in (port, tls_port):
                await _until_open(each)
        yield TurnServer(port, tls_port, folder / "turn.log")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _until_open(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def write_certificate(folder: Path) -> None:
    """`certificate.pem` of 127.0.0.1 and its `key.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
