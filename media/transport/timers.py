"""Every deadline of a link, in one place, with units and sources. Plain values: whoever owns a clock applies them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportTimers:
    """Deadlines in seconds. The defaults are the product's; tests pass shorter ones or a fake clock.

    All links of a server are looked at by one ticker every `tick_s`, so a deadline acts at most one tick late.
    """

    setup_s: float = 20.0  # from the answer to keys; then `setup_timeout`
    silence_s: float = 6.0  # no authenticated packet of any kind; then `on_silent`. Browsers check every 2.5 to 6 s
    consent_s: float = 30.0  # no valid check of the nominated address (RFC 7675 §5.1); then `consent_lost`
    close_s: float = 5.0  # a close ends within this, whatever the peer does
    tick_s: float = 0.5
    check_s: float = 4.0  # client side: consent checks, below the 5 s of RFC 7675 §5.1 so that one may be lost
    check_retry_s: float = 0.05  # client side: pacing of checks before a pair is nominated (RFC 8445 §14.2: Ta = 50 ms)
