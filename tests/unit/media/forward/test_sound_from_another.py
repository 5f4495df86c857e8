"""A leg that hears one leg and sees another: each kind from its own source, and each told on its source's clock."""

import pytest

from media.forward import rtcp
from media.port import Kind
from tests.unit.media.forward.rig import OPUS, VP8_KEY, FakeLink, Rig, parsed, rtp, section, video


def told(link: FakeLink, ssrc: int) -> list[rtcp.SenderReport]:
    items = [item for packet in link.rtcp for item in rtcp.parse(packet, len(packet))]
    return [item for item in items if isinstance(item, rtcp.SenderReport) and item.ssrc == ssrc]


def test_the_sound_of_one_and_the_picture_of_another_are_sent_and_nothing_else() -> None:
    rig = Rig()
    phone, _ = rig.leg("lg_phone", section(Kind.AUDIO, OPUS, ssrc=1))
    panel, _ = rig.leg("lg_panel")
    customer, link = rig.leg("lg_customer")
    customer.take_from_both(phone, panel, rig.loop.wall())
    rig.receive(phone, rtp(1, 5, 100, b"phone"))
    rig.receive(panel, rtp(1, 5, 100, b"panel"))
    rig.receive(panel, video(6, 200, VP8_KEY))
    assert [packet[12:] for packet in link.sent] == [b"phone", VP8_KEY]


@pytest.mark.parametrize(("sound", "picture", "sent"), [(True, False, [b"sound"]), (False, True, [VP8_KEY])])
def test_of_no_leg_nothing_is_sent(*, sound: bool, picture: bool, sent: list[bytes]) -> None:
    rig = Rig()
    source, _ = rig.leg("lg_a")
    listener, link = rig.leg("lg_b")
    listener.take_from_both(source if sound else None, source if picture else None, rig.loop.wall())
    rig.receive(source, rtp(1, 5, 100, b"sound"))
    rig.receive(source, video(6, 200, VP8_KEY))
    assert [packet[12:] for packet in link.sent] == sent


def test_sound_and_picture_are_reported_each_on_the_clock_of_its_own_sender() -> None:
    """Two senders whose clocks are days apart: what a browser is told lies within a second of here for both."""
    rig = Rig()
    sources = {"lg_a": 86400.0, "lg_b": -86400.0}
    legs = {name: rig.leg(name)[0] for name in sources}
    listener, link = rig.leg("lg_listener")
    listener.take_from_both(legs["lg_a"], legs["lg_b"], rig.loop.wall())
    for name, leg in legs.items():
        rig.receive(leg, rtp(1, 5, 100))
        rig.receive(leg, video(6, 200, VP8_KEY))
        ntp = rtcp.ntp64(rig.loop.wall() + sources[name])
        for ssrc in (1, 2):
            rig.receive_rtcp(leg, rtcp.sender_report(rtcp.SenderReport(ssrc, ntp, 100), 1, 1))
    rig.loop.advance(2)
    now = rtcp.ntp64(rig.loop.wall())
    for ssrc in {parsed(packet)[4] for packet in link.sent}:
        for report in told(link, ssrc):
            assert abs(report.ntp - now) >> 32 < 3
    assert len({parsed(packet)[4] for packet in link.sent}) == 2
