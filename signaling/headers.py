"""The headers of every answer: what a browser may do with it, and how long it may be kept."""

from collections.abc import Iterable, Mapping
from typing import Final

from signaling.origins import Origins

HSTS: Final = "max-age=31536000"  # a year; without subdomains, which are not ours to decide for

_EVERY_ANSWER: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

DATA_CSP: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def common_headers(origins: Origins) -> Mapping[str, str]:
    """What every answer has, unless it says otherwise: nothing may be stored, framed, sniffed or run."""
    headers = {**_EVERY_ANSWER, "Cache-Control": "no-store", "Content-Security-Policy": DATA_CSP}
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if origins.secure:
        headers["Strict-Transport-Security"] = HSTS
    return headers


def page_csp(origins: Origins, *, frame_ancestors: Iterable[str] | None = None, frames: bool = False) -> str:
    """The policy of a page: only its own modules, styles, media and sockets; no inline script, no `eval`, no sinks.

    `frame_ancestors` are the origins that may show it in a frame, beside our own; None: nobody may.
    """
    ancestors = " ".join(("'self'", *frame_ancestors)) if frame_ancestors is not None else "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            " ".join(("connect-src 'self'", *origins.sockets)),
            "font-src 'self'",
            *(("frame-src 'self'",) if frames else ()),
            "base-uri 'none'",
            "form-action 'self'",
            f"frame-ancestors {ancestors}",
            "require-trusted-types-for 'script'",
        )
    )
