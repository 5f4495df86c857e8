"""DTLS for one link: aiortc's handshake over a pipe of ours, and the SRTP keys taken from it (RFC 5764).

`RTCDtlsTransport` expects an ICE transport that it reads; it gets a bounded pipe that is fed only with DTLS datagrams
from validated addresses. Media never enters it: the keys are handed out and its own SRTP sessions are not made. After
the handshake its pump only waits for the peer's close_notify or alert.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from gateway.base.log import get_logger
from media.transport.srtp import SrtpKeys

MAX_QUEUED: Final = 32
"""DTLS datagrams waiting for the handshake. A browser's flight is one to six; when full, new ones are dropped."""

_DTLS_1_2: Final = 0xFEFD
_CIPHERS: Final = b":".join(
    (
        b"ECDHE-ECDSA-AES128-GCM-SHA256",
        b"ECDHE-ECDSA-CHACHA20-POLY1305",
        b"ECDHE-ECDSA-AES256-GCM-SHA384",
    )
)
"""Forward secrecy and authenticated encryption only: no CBC, no SHA-1, no static RSA (RFC 9325 §4.2)."""

_PROFILES: Final[list[SRTPProtectionProfile]] = [
    profile
    for profile in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
    if profile in SRTP_PROFILES
]
"""Our order: GCM costs half of CM + HMAC-SHA1, which stays because every browser must know it (RFC 8827 §6.5)."""

_MIN_RSA_BITS: Final = 2048
_MIN_CURVE_BITS: Final = 256
_CERTIFICATE_SPARE: Final = timedelta(days=7)

_log = get_logger("dtls")


class Certificate(RTCCertificate):
    """A self-signed P-256 certificate of 30 days, used by all links of a process, with our choice of cipher suites."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_cipher_list(_CIPHERS)
        return context

    @classmethod
    def generate(cls) -> Self:
        return cls.generateCertificate()

    def needs_renewal(self, now: datetime) -> bool:
        """Whether new links should get another one: it has less than a week left."""
        return self.expires - now.astimezone(UTC) < _CERTIFICATE_SPARE

    def fingerprint(self) -> str:
        """The sha-256 fingerprint for a description, `AB:CD:…` (RFC 8122 §5)."""
        return next(f.value for f in self.getFingerprints() if f.algorithm == "sha-256")


class DatagramPipe:
    """What RTCDtlsTransport sees of the network: `_recv`, `_send`, `role`. Bounded; it never blocks who fills it."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None], counters: Counter[str]) -> None:
        self._transmit = send
        self._counters = counters
        self._queue: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._ended = False

    def push(self, datagram: bytes) -> None:
        """Hand in one DTLS datagram; never an empty one. When the pipe is full it is dropped: DTLS sends it again."""
        if len(self._queue) >= MAX_QUEUED:
            self._counters["dtls_queue_full"] += 1
            return
        self._queue.append(datagram)
        self._arrived.set()

    def end(self) -> None:
        """No more datagrams: whoever waits gets ConnectionError."""
        self._ended = True
        self._arrived.set()

    async def _recv(self) -> bytes:
        while not self._queue:
            if self._ended:
                raise ConnectionError("the link is closed")
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue.popleft()

    async def _send(self, data: bytes) -> None:
        self._transmit(data)


class DtlsSession(RTCDtlsTransport):
    """One handshake and what follows. A task of the link awaits `handshake`; `on_ended` fires when the peer closes."""

    def __init__(
        self,
        pipe: DatagramPipe,
        certificate: Certificate,
        role: str,
        fingerprints: tuple[tuple[str, str], ...],
        on_ended: Callable[[], None],
    ) -> None:
        super().__init__(pipe, [certificate])  # type: ignore[arg-type]  # it only reads, sends and asks the role
        self._srtp_profiles = _PROFILES
        self._set_role(role)
        self._peer = RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(a, v) for a, v in fingerprints])
        self._on_ended = on_ended
        self.keys: SrtpKeys | None = None

    async def handshake(self) -> bool:
        """Run the handshake, check the peer's certificate. True when `keys` are there; may wait for ever: bound it."""
        await self.start(self._peer)
        if self._state is not State.CONNECTED or self._task is None:
            return False
        self._task.add_done_callback(self._pump_ended)
        return True

    async def shut_down(self, *, say_goodbye: bool) -> None:
        """Send close_notify when `say_goodbye` (RFC 8446 §6.1), end the pump and wait for it."""
        pump = self._task
        if say_goodbye:
            await self.stop()
        elif pump is not None:
            pump.cancel()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)
        self.remove_all_listeners()

    def _pump_ended(self, pump: asyncio.Future[None]) -> None:
        if pump.cancelled():
            return
        if (error := pump.exception()) is not None:
            _log.error("dtls.pump_failed", exc_info=error)
        self._on_ended()

    async def _recv_next(self) -> None:
        """As aiortc's, and a fatal alert ends the session too (it would go unnoticed there)."""
        await super()._recv_next()
        if self._ssl is not None and self._ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            raise ConnectionError("closed by the peer")

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        """All fingerprints with a hash we take must match (RFC 8122 §6.2), and the key must not be a weak one."""
        super()._validate_peer_identity(remoteParameters)
        if self._state is State.FAILED or self._ssl is None:
            return
        peer = self._ssl.get_peer_certificate(as_cryptography=True)
        key = None if peer is None else peer.public_key()
        strong = (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= _MIN_CURVE_BITS) or (
            isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS
        )
        if not strong:
            self._set_state(State.FAILED)

    def _setup_srtp(self) -> None:
        """Keep the keying material (RFC 5764 §4.2) instead of making aiortc's SRTP sessions."""
        if self._ssl is None:
            self._set_state(State.FAILED)
            return
        name = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in self._srtp_profiles if p.openssl_profile == name), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        size = 2 * (profile.key_length + profile.salt_length)
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        ours, theirs = (1, 0) if self._role == "server" else (0, 1)  # 0 is the DTLS client's write key
        self.keys = SrtpKeys(
            profile=profile.libsrtp_profile,
            send=profile.get_key_and_salt(material, ours),
            receive=profile.get_key_and_salt(material, theirs),
        )
