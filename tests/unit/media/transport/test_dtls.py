"""DTLS: what is agreed between two of us, and what is refused."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiortc.rtcdtlstransport import RTCCertificate, generate_certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from media.transport.dtls import MAX_QUEUED, Certificate, DatagramPipe, DtlsSession

Fingerprints = tuple[tuple[str, str], ...]


class Wire:
    """Two sessions joined back to back."""

    def __init__(self, server_knows: Fingerprints | None = None, client_certificate: Certificate | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self.ended: list[str] = []
        mine, theirs = Certificate.generate(), client_certificate or Certificate.generate()
        self.to_server = DatagramPipe(lambda data: self.to_client.push(data), self.counters)
        self.to_client = DatagramPipe(lambda data: self.to_server.push(data), self.counters)
        expected = server_knows if server_knows is not None else fingerprints_of(theirs)
        self.server = self._session(self.to_server, mine, "server", expected)
        self.client = self._session(self.to_client, theirs, "client", fingerprints_of(mine))

    def _session(self, pipe: DatagramPipe, own: Certificate, role: str, peer: Fingerprints) -> DtlsSession:
        return DtlsSession(pipe, own, role, peer, lambda: self.ended.append(role))

    async def handshake(self) -> tuple[bool, bool]:
        async with asyncio.timeout(30):
            return tuple(await asyncio.gather(self.server.handshake(), self.client.handshake()))  # type: ignore[return-value]

    async def close(self) -> None:
        for session in (self.server, self.client):
            await session.shut_down(say_goodbye=False)


def fingerprints_of(certificate: RTCCertificate) -> Fingerprints:
    return tuple((f.algorithm, f.value) for f in certificate.getFingerprints() if f.algorithm == "sha-256")


async def test_handshake_gives_both_ends_matching_gcm_keys() -> None:
    wire = Wire()
    assert await wire.handshake() == (True, True)
    ours, theirs = wire.server.keys, wire.client.keys
    assert ours is not None
    assert theirs is not None
    assert (ours.send, ours.receive) == (theirs.receive, theirs.send)
    assert wire.server._ssl.get_selected_srtp_profile() == b"SRTP_AEAD_AES_128_GCM"
    assert wire.server._ssl.get_protocol_version_name() == "DTLSv1.2"
    await wire.close()


async def test_lost_flights_are_sent_again() -> None:
    """RFC 6347 §4.2.4: each side loses its first datagram; OpenSSL's timer of 1 s brings the handshake on."""
    wire = Wire()
    for pipe in (wire.to_server, wire.to_client):
        pipe.push = lambda data, pipe=pipe, push=pipe.push: setattr(pipe, "push", push)  # type: ignore[method-assign]
    assert await wire.handshake() == (True, True)
    await wire.close()


async def test_close_notify_ends_the_other_side() -> None:
    wire = Wire()
    await wire.handshake()
    await wire.client.shut_down(say_goodbye=True)
    async with asyncio.timeout(30):
        await asyncio.gather(wire.server._task, return_exceptions=True)
    await asyncio.sleep(0)
    assert wire.ended == ["server"]
    await wire.close()


async def test_fatal_alert_ends_the_session_as_openssl_reports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL notes a fatal alert as a shutdown; aiortc's pump alone would go on reading for ever."""
    wire = Wire()
    await wire.handshake()
    monkeypatch.setattr(SSL.Connection, "get_shutdown", lambda _: SSL.RECEIVED_SHUTDOWN)
    wire.to_server.push(b"\x15\xfe\xfd" + bytes(10))
    async with asyncio.timeout(30):
        await asyncio.gather(wire.server._task, return_exceptions=True)
    await asyncio.sleep(0)
    assert wire.ended == ["server"]
    await wire.close()


@pytest.mark.parametrize("spoil", [lambda v: "00" + v[2:], lambda v: v[:-2] + ("00" if v[-2:] != "00" else "01")])
async def test_certificate_that_does_not_match_is_refused(spoil: Callable[[str], str]) -> None:
    certificate = Certificate.generate()
    ((algorithm, value),) = fingerprints_of(certificate)
    wire = Wire(((algorithm, spoil(value)),), certificate)
    assert (await wire.handshake())[0] is False
    assert wire.server.keys is None
    await wire.close()


async def test_one_wrong_fingerprint_of_two_is_refused() -> None:
    certificate = Certificate.generate()
    right = {f.algorithm: f.value for f in certificate.getFingerprints()}
    wire = Wire((("sha-256", right["sha-256"]), ("sha-512", "00" + right["sha-512"][2:])), certificate)
    assert (await wire.handshake())[0] is False
    await wire.close()


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
async def test_every_strong_hash_is_taken(algorithm: str) -> None:
    certificate = Certificate.generate()
    value = next(f.value for f in certificate.getFingerprints() if f.algorithm == algorithm)
    wire = Wire(((algorithm, value),), certificate)
    assert await wire.handshake() == (True, True)
    await wire.close()


def certificate_with(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Certificate:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return Certificate(key, generate_certificate(key))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return Weak(key, builder.sign(key, hashes.SHA256()))  # type: ignore[arg-type]


class Weak(Certificate):
    """A client that would take anything and offers a weak key."""

    def _create_ssl_context(self, srtp_profiles):
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.use_certificate(self._cert)
        context.use_privatekey(self._key)
        context.set_tlsext_use_srtp(b":".join(p.openssl_profile for p in srtp_profiles))
        return context


async def test_rsa_key_of_1024_bits_is_refused() -> None:
    wire = Wire(client_certificate=certificate_with(rsa.generate_private_key(65537, 1024)))  # noqa: S505 - that is the point
    async with asyncio.timeout(30):
        client = asyncio.ensure_future(wire.client.handshake())
        assert await wire.server.handshake() is False
    client.cancel()
    await asyncio.gather(client, return_exceptions=True)
    await wire.close()


class Client:
    """A bare OpenSSL client over a server session, to offer what our own never would."""

    def __init__(
        self, *, ciphers: bytes, profiles: bytes = b"SRTP_AES128_CM_SHA1_80", version: int | None = None
    ) -> None:
        own = Certificate.generate()
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_cipher_list(ciphers)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.use_certificate(own._cert)
        context.use_privatekey(own._key)
        if version is not None:
            context.set_min_proto_version(version)
            context.set_max_proto_version(version)
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        self.ssl = SSL.Connection(context)
        self.ssl.set_connect_state()
        self.pipe = DatagramPipe(self._answer, Counter())
        self.server = DtlsSession(self.pipe, Certificate.generate(), "server", fingerprints_of(own), lambda: None)

    def _answer(self, data: bytes) -> None:
        self.ssl.bio_write(data)
        self._drive()

    def _drive(self) -> None:
        with suppress(SSL.Error):
            self.ssl.do_handshake()
        with suppress(SSL.Error):
            self.pipe.push(self.ssl.bio_read(1500))

    async def outcome(self) -> bool:
        self._drive()
        try:
            async with asyncio.timeout(30):
                return await self.server.handshake()
        finally:
            await self.server.shut_down(say_goodbye=False)


async def test_a_good_bare_client_is_taken() -> None:
    assert await Client(ciphers=b"ECDHE-ECDSA-AES256-GCM-SHA384").outcome() is True


@pytest.mark.parametrize(
    "weak",
    [
        {"ciphers": b"ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"},
        {"ciphers": b"ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"},
        {"ciphers": b"eNULL:@SECLEVEL=0"},
        {"ciphers": b"aNULL:@SECLEVEL=0"},
        {"ciphers": b"AES128-GCM-SHA256:@SECLEVEL=0"},
        {"ciphers": b"ALL:@SECLEVEL=0", "version": 0xFEFF},  # DTLS 1.0
        {"ciphers": b"ECDHE-ECDSA-AES128-GCM-SHA256", "profiles": b""},
        {"ciphers": b"ECDHE-ECDSA-AES128-GCM-SHA256", "profiles": b"SRTP_AES128_CM_SHA1_32"},
    ],
    ids=lambda weak: str(weak),
)
async def test_weak_suites_versions_and_profiles_are_refused(weak: dict) -> None:
    assert await Client(**weak).outcome() is False


async def test_full_pipe_drops_and_counts() -> None:
    counters: Counter[str] = Counter()
    pipe = DatagramPipe(lambda _: None, counters)
    for number in range(MAX_QUEUED + 5):
        pipe.push(bytes([20, number]))
    assert counters == {"dtls_queue_full": 5}
    assert [await pipe._recv() for _ in range(MAX_QUEUED)] == [bytes([20, n]) for n in range(MAX_QUEUED)]
    waiting = asyncio.ensure_future(pipe._recv())
    await asyncio.sleep(0)
    pipe.end()
    with pytest.raises(ConnectionError):
        await waiting


def test_certificate_is_renewed_before_it_ends() -> None:
    certificate = Certificate.generate()
    assert certificate.expires - datetime.now(UTC) <= timedelta(days=30)
    assert not certificate.needs_renewal(datetime.now(UTC))
    assert certificate.needs_renewal(datetime.now(UTC) + timedelta(days=24))
