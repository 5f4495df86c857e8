"""Answers an offer: what is agreed on, as values and as text. Pure; randomness and our transport are passed in.

Kept from the offer: order of sections, mids, payload types, extension ids (see `codecs`). Required of it: one transport
(BUNDLE with rtcp-mux), ICE and a strong DTLS fingerprint. Candidates are read by nobody here: we never send to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from media.port import Kind, MediaRefused
from media.sdp.codecs import assign_kinds, choose_codecs, choose_extensions, fitting
from media.sdp.description import Negotiated, Section
from media.sdp.parse import Description, MediaSection, parse
from media.sdp.write import PROTOCOL, LocalTransport, RefusedSection, description

STRONG_FINGERPRINTS: Final = frozenset({"sha-256", "sha-384", "sha-512"})

_PROTOCOLS: Final = frozenset(
    {PROTOCOL, "RTP/SAVPF"}
)  # the second is what old browsers wrote for the first (RFC 9429 §5.1.2)


def answer_offer(
    offer_sdp: str,
    local: LocalTransport,
    next_ssrc: Callable[[], int],
    cname: str,
    others: Sequence[Negotiated] = (),
) -> tuple[Negotiated, str]:
    """Answer `offer_sdp`. `local.setup` is replaced by what the offer leaves us.

    `others`: what the legs it will be shown to agreed on, the newest first; see `codecs.fitting`.

    Raises MediaRefused (`sdp_…`): what is wrong with the offer, in words for the operator.
    """
    offer = parse(offer_sdp)
    if offer.ice_lite:
        raise MediaRefused("sdp_no_ice", "the offer is from an ICE-lite agent, and so are we: nobody would send checks")
    kinds = assign_kinds(offer.sections)
    if not any(kinds):
        raise MediaRefused("sdp_no_media", "the description has no audio or video section")
    sections = [
        _agree(section, kind, next_ssrc, cname, _names(others, kind)) if kind is not None else None
        for section, kind in zip(offer.sections, kinds, strict=True)
    ]
    accepted = [each for each in sections if each is not None and each.codecs]
    if not accepted:
        raise MediaRefused("sdp_no_common_codec", "no section offers Opus, VP8 or H.264 with packetization-mode 1")
    negotiated = _negotiate(offer, accepted, [s for s in sections if s is not None], local)
    setup = "passive" if negotiated.dtls_role == "server" else "active"
    listed = [
        each if each is not None and each.codecs else _refusal(section)
        for section, each in zip(offer.sections, sections, strict=True)
    ]
    return negotiated, description(listed, replace(local, setup=setup))


def read_answer(answer_sdp: str, offered: tuple[Section, ...], local: LocalTransport) -> Negotiated:
    """What our own offer led to: for the client's side. Raises MediaRefused (`sdp_…`)."""
    answer = parse(answer_sdp)
    ours = {section.mid: section for section in offered}
    sections = []
    for section in answer.sections:
        if (own := ours.get(section.mid)) is not None:
            agreed = _agree(section, own.kind, lambda: 0, own.cname)
            sections.append(
                replace(agreed, local_ssrc=own.local_ssrc, local_rtx_ssrc=own.local_rtx_ssrc, cname=own.cname)
            )
    accepted = [each for each in sections if each.codecs]
    if not accepted:
        raise MediaRefused("sdp_no_media", "the answer accepts no section")
    return _negotiate(answer, accepted, sections, local)


def _names(others: Sequence[Negotiated], kind: Kind) -> list[frozenset[str]]:
    """The picture codecs each of `others` has for `kind`. Sound has one codec, so there is nothing to choose."""
    if kind is Kind.AUDIO:
        return []
    sections = [section for other in others for section in other.sections if section.kind is kind]
    return [frozenset(codec.name for codec in section.codecs) for section in sections]


def _agree(
    section: MediaSection,
    kind: Kind,
    next_ssrc: Callable[[], int],
    cname: str,
    others: Sequence[frozenset[str]] = (),
) -> Section:
    """One section of the peer's; without codecs when it is refused."""
    live = section.port != 0 or section.bundle_only
    codecs = fitting(choose_codecs(section), others) if live else ()
    if codecs and section.protocol not in _PROTOCOLS:
        raise MediaRefused("sdp_not_secure", f"section {section.mid or kind} is not {PROTOCOL}")
    if codecs and not section.mid:
        raise MediaRefused("sdp_no_bundle", "a media section has no mid")
    rtx = {rtx: media for media, rtx in section.fid_groups if rtx in section.ssrcs}
    return Section(
        kind=kind,
        mid=section.mid,
        codecs=codecs,
        extensions=choose_extensions(section) if codecs else {},
        peer_sends=section.direction in ("sendrecv", "sendonly"),
        peer_receives=section.direction in ("sendrecv", "recvonly"),
        peer_ssrcs=tuple(ssrc for ssrc in section.ssrcs if ssrc not in rtx),
        peer_rtx_ssrcs=rtx,
        local_ssrc=next_ssrc() if codecs else 0,
        local_rtx_ssrc=next_ssrc() if any(c.rtx_payload_type is not None for c in codecs) else 0,
        cname=cname,
        reduced_size=section.rtcp_rsize,
    )


def _negotiate(
    peer: Description, accepted: list[Section], sections: list[Section], local: LocalTransport
) -> Negotiated:
    """The one transport under all accepted sections: that of the BUNDLE group's first mid (RFC 9143 §7.2)."""
    by_mid = {section.mid: section for section in peer.sections}
    for section in accepted:
        if section.mid not in peer.bundle:
            raise MediaRefused("sdp_no_bundle", f"section {section.mid} is not in the BUNDLE group")
        if not by_mid[section.mid].rtcp_mux:
            raise MediaRefused("sdp_no_rtcp_mux", f"section {section.mid} lacks rtcp-mux")
    tagged = by_mid.get(peer.bundle[0]) or by_mid[accepted[0].mid]
    if not tagged.ufrag or not tagged.password:
        raise MediaRefused("sdp_no_ice", "the description has no ice-ufrag or ice-pwd")
    if not tagged.fingerprints:
        raise MediaRefused("sdp_no_fingerprint", "the description has no DTLS fingerprint")
    strong = tuple(each for each in tagged.fingerprints if each[0] in STRONG_FINGERPRINTS)
    if not strong:
        raise MediaRefused("sdp_weak_fingerprint", "no fingerprint is sha-256, sha-384 or sha-512")
    roles = {"actpass": "server", "active": "server", "passive": "client"}
    if tagged.setup not in roles:
        raise MediaRefused("sdp_setup", "a=setup must be actpass, active or passive")
    return Negotiated(
        sections=tuple(sections),
        local_ufrag=local.ufrag,
        local_password=local.password,
        remote_ufrag=tagged.ufrag,
        remote_password=tagged.password,
        remote_fingerprints=strong,
        dtls_role=roles[tagged.setup],
        remote_candidates=tuple(each for section in peer.sections for each in section.candidates),
    )


def _refusal(section: MediaSection) -> RefusedSection:
    return RefusedSection(media=section.media, protocol=section.protocol, formats=section.formats, mid=section.mid)
