"""Telephones of other people's making, from Debian: sipp as a switch, baresip as somebody's telephone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from media.port import CloseLeg, FromLeg, HoldVoice, MediaRefused, SendDtmf, SetSource, VoiceTransport
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import LOCAL, TRUNK, Desk, desk
from tests.support.ports import free_port
from tests.support.sip_peer import loudest_hz, tone

ANSWER = """
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""

CHALLENGE = """
<send><![CDATA[
SIP/2.0 401 Unauthorized
[last_Via:]
[last_From:]
[last_To:];tag=c[call_number]
[last_Call-ID:]
[last_CSeq:]
WWW-Authenticate: Digest realm="acd", nonce="47364c23432d2e131a5fb210812c", algorithm=MD5
Content-Length: 0

]]></send>
<recv request="ACK"/>
<recv request="INVITE"><action><verifyauth assign_to="right" username="trunk" password="s3cret"/></action></recv>
<nop hide="true" test="right" next="good"/>
<nop hide="true"><action><exec int_cmd="stop_now"/></action></nop>
<label id="good"/>
"""


@asynccontextmanager
async def started(*command: str, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def sipp(
    folder: Path, steps: str, transport: str = "u1"
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A switch that goes through a scenario once and echoes sound; its address."""
    scenario = folder / "switch.xml"
    scenario.write_text(f'<?xml version="1.0"?>\n<scenario name="switch"><recv request="INVITE"/>{steps}</scenario>\n')
    port, media = free_port(), free_port()
    command = ("sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-t", transport, "-m", "1")
    more = ("-mi", "127.0.0.1", "-mp", str(media), "-rtp_echo", "-nostdin")
    async with started(*command, *more, cwd=folder) as process:
        await listening(port, tcp=transport == "t1")
        yield f"127.0.0.1:{port}", process


async def listening(port: int, *, tcp: bool) -> None:
    """Somebody has that port."""
    table = Path("/proc/net/tcp" if tcp else "/proc/net/udp")
    await until(lambda: f":{port:04X} " in table.read_text(), "it listens")


async def echoed(here: Desk, hz: int) -> None:
    """What a customer says comes back from the switch."""
    customer = await here.customer()
    for listener, source in (("lg_customer", "lg_phone"), ("lg_phone", "lg_customer")):
        await here.engine.execute(SetSource(leg_id=listener, source=FromLeg(leg_id=source)))
    customer.speak(tone(hz, 48_000))
    await until(lambda: abs(loudest_hz(customer.heard()[-24_000:], 48_000) - hz) < 20, "it is heard again")
    customer.hush()


async def finished(process: asyncio.subprocess.Process) -> None:
    """The scenario was gone through to its end."""
    async with asyncio.timeout(30):
        assert await process.wait() == 0


@pytest.mark.parametrize("transport", [VoiceTransport.UDP, VoiceTransport.TCP])
async def test_a_switch_of_sipps_takes_a_call_and_echoes_it(tmp_path: Path, transport: VoiceTransport) -> None:
    kind = "u1" if transport is VoiceTransport.UDP else "t1"
    async with desk() as here, sipp(tmp_path, ANSWER, kind) as (address, process):
        await here.dial(to_uri=f"sip:queue@{address}", trunk=replace(TRUNK, transport=transport))
        await until(lambda: here.stage.count("VoiceAnswered") == 1, "it is answered")
        await echoed(here, 600)
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        await finished(process)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("trunk", "s3cret"),
        ("trunk", "a;b c<d>e"),
        ("trunk", "p%41'&=,:@#?~!$*()/+|^{}`"),
        ("trunk", ";auth_pass=x"),
        ("trunk", " space "),
        ("trünk", "sésamo"),
        ("tr%41=,@?nk", "s3cret"),
    ],
)
async def test_a_challenge_is_answered_with_the_trunks_credentials(tmp_path: Path, user: str, password: str) -> None:
    steps = CHALLENGE.replace('"trunk"', quoteattr(user)).replace('"s3cret"', quoteattr(password))
    async with desk() as here, sipp(tmp_path, steps + ANSWER) as (address, process):
        await here.dial(to_uri=f"sip:queue@{address}", trunk=replace(TRUNK, user=user, password=password))
        await until(lambda: here.stage.count("VoiceAnswered") == 1, "it is let in")
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        await finished(process)


def certificate(folder: Path) -> Path:
    """A key and a certificate of 127.0.0.1 that nobody has signed, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "telephone.pem"
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def telephone(folder: Path, certified: Path | None = None) -> AsyncIterator[str]:
    """Debian's baresip, which takes every call and says what it hears; its address. With a certificate over TLS, and
    with encrypted sound only."""
    port = free_port()
    secure = f"sip_certificate {certified}\nmodule srtp.so\n" if certified else ""
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\naudio_player aubridge,ear\naudio_source aubridge,ear\n"
        "audio_alert aubridge,bell\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aubridge.so\n"
        f"module_app account.so\nmodule_app menu.so\n{secure}"
    )
    account = "<sip:phone@127.0.0.1;transport=tls>;mediaenc=srtp-mand" if certified else "<sip:phone@127.0.0.1>"
    (folder / "accounts").write_text(f"{account};regint=0;answermode=auto\n")
    async with started("baresip", "-f", str(folder), cwd=folder):
        await listening(port + 1 if certified else port, tcp=certified is not None)
        yield f"127.0.0.1:{port + 1 if certified else port}"


async def test_somebodys_baresip_is_called_heard_held_and_hung_up(tmp_path: Path) -> None:
    async with desk() as here, telephone(tmp_path) as address:
        await here.dial(to_uri=f"sip:phone@{address}")
        await until(lambda: here.stage.count("VoiceAnswered") == 1, "it answers")
        await echoed(here, 700)
        await here.engine.execute(HoldVoice(leg_id="lg_phone", on=True))
        await here.engine.execute(HoldVoice(leg_id="lg_phone", on=False))
        await here.engine.execute(SendDtmf(leg_id="lg_phone", digits="12"))
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        assert (await here.ended()).reason == "closed"
        with pytest.raises(MediaRefused, match="leg_unknown"):
            await here.engine.execute(HoldVoice(leg_id="lg_phone", on=True))


async def test_over_tls_with_encrypted_sound_a_telephone_that_is_believed_is_heard(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    trunk = replace(TRUNK, transport=VoiceTransport.TLS, srtp=True)
    async with telephone(tmp_path, own) as address:
        async with desk(voice=replace(LOCAL, tls_ca_file=str(own))) as here:
            await here.dial(to_uri=f"sip:phone@{address}", trunk=trunk)
            await until(lambda: here.stage.count("VoiceAnswered") == 1, "it answers")
            await echoed(here, 700)
        async with desk() as here:  # of this machine's trust, which has no such certificate
            await here.dial(to_uri=f"sip:phone@{address}", trunk=trunk)
            closed = await here.ended()
            assert (closed.reason, closed.sip_status) == ("voice_ended", 0)
            assert here.stage.count("VoiceAnswered") == 0
