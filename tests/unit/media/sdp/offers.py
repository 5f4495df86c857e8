"""Offers for the tests: recorded from Chromium and from Firefox, and one small enough to edit."""

from itertools import count
from pathlib import Path

from media.sdp.write import LocalTransport

CHROMIUM = (Path(__file__).parent / "chromium_offer.sdp").read_bytes().decode()
"""Chromium 156, three transceivers without tracks (audio, video, video), before any candidate."""

FIREFOX = (Path(__file__).parent / "firefox_offer.sdp").read_bytes().decode()
"""Firefox 153, the same transceivers. It has no H.264 here, and its attributes are in the order of the alphabet."""

SHA_256 = "AB:" * 31 + "CD"

SMALL = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE a v",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdefghijkl",
        f"a=fingerprint:sha-256 {SHA_256}",
        "a=setup:actpass",
        "m=audio 9 UDP/TLS/RTP/SAVPF 109",
        "c=IN IP4 0.0.0.0",
        "a=mid:a",
        "a=rtcp-mux",
        "a=rtpmap:109 opus/48000/2",
        "m=video 9 UDP/TLS/RTP/SAVPF 120 121",
        "c=IN IP4 0.0.0.0",
        "a=mid:v",
        "a=rtcp-mux",
        "a=rtpmap:120 VP8/90000",
        "a=rtcp-fb:* nack",
        "a=rtpmap:121 rtx/90000",
        "a=fmtp:121 apt=120",
        "",
    ]
)

LOCAL = LocalTransport(
    ufrag="serverfragment",
    password="serverpasswordserverpassword",
    fingerprint=SHA_256,
    candidates=(("192.0.2.1", 5000), ("2001:db8::1", 5000)),
    setup="passive",
    ice_lite=True,
    session_id=17,
    max_bitrate_bps=2_500_000,
)


def numbers():
    """SSRCs 1, 2, 3, …"""
    return count(1).__next__
