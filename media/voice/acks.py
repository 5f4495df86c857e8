"""The ACK once more: for every 200 that comes again, because the first ACK was lost (RFC 3261 §13.2.2.4).

baresip sends one and is deaf to the repetitions; the switch, never acknowledged, ends the call after 32 s (§13.3.1.4).
So ACKs that left over UDP are remembered as they were, and repeated from a socket of our own: nobody answers an ACK,
so it does not matter where it comes from. Fed from the stack's trace, in its log thread.
"""

import re
import socket
from collections import OrderedDict
from typing import Final

MAX_REMEMBERED: Final = 500
"""Calls answered last: more are not being set up at once in one process."""

MAX_AGAIN: Final = 11
"""A switch repeats its 200 at 0.5, 1, 2, 4, 4, … s until 32 s are over."""

_SENT: Final = re.compile(r"TX UDP \S+ -> (\[[0-9A-Fa-f:.]{2,45}\]|[0-9.]{7,15}):(\d{1,5})\s*")
_CALL_ID: Final = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S{1,256})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_CSEQ: Final = re.compile(r"^CSeq[ \t]*:[ \t]*(\d{1,10})[ \t]+(ACK|INVITE)[ \t]*$", re.IGNORECASE | re.MULTILINE)

_Key = tuple[str, str]  # Call-ID and the number of the INVITE


class Acks:
    """What was acknowledged, and how."""

    def __init__(self) -> None:
        self._sent: OrderedDict[_Key, tuple[tuple[str, int], bytes]] = OrderedDict()
        self._again: dict[_Key, int] = {}
        self.repeated = 0

    def traced(self, text: str) -> None:
        """A message as the stack traces it: its direction and addresses on the first line."""
        way, _, message = text.replace("\r\n", "\n").partition("\n")
        if way.startswith("TX") and message.startswith("ACK "):
            self._remember(way, message)
        elif way.startswith("RX") and message.startswith("SIP/2.0 2"):
            key = _key(message, "INVITE")
            if key is not None and key in self._sent:
                self._repeat(key)

    def _remember(self, way: str, message: str) -> None:
        sent, key = _SENT.fullmatch(way), _key(message, "ACK")
        if sent is None or key is None:
            return
        self._sent[key] = (
            (sent[1].strip("[]"), int(sent[2])),
            message.rstrip("\n").replace("\n", "\r\n").encode() + b"\r\n\r\n",
        )
        self._sent.move_to_end(key)
        while len(self._sent) > MAX_REMEMBERED:
            old, _ = self._sent.popitem(last=False)
            self._again.pop(old, None)

    def _repeat(self, key: _Key) -> None:
        self._again[key] = self._again.get(key, 0) + 1
        if self._again[key] > MAX_AGAIN:
            return
        address, message = self._sent[key]
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(message, address)
        except OSError:
            return  # the next repetition is another chance
        self.repeated += 1


def _key(message: str, method: str) -> _Key | None:
    head = message.partition("\n\n")[0][:8192]
    call_id, sequence = _CALL_ID.search(head), _CSEQ.search(head)
    if call_id is None or sequence is None or sequence[2].upper() != method:
        return None
    return call_id[1], sequence[1]
