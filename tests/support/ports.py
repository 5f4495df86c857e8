"""Ports for programs that must be told theirs.

Between the choice and the program's bind anybody may take a port that the system gives to whoever asks for any: every
socket of the tests beside this one does. So they are chosen below that range, which begins at 32768 on Linux unless it
was told otherwise, and none is given twice.
"""

import socket
from random import SystemRandom
from typing import Final

LOWEST: Final = 10_000
HIGHEST: Final = 15_999
"""RTP of the gateway's telephone calls begins above it."""

_KINDS: Final = (socket.SOCK_DGRAM, socket.SOCK_STREAM)

_given: set[int] = set()


def free_port() -> int:
    """Of UDP and TCP on 127.0.0.1. It is even, and the next one is free and nobody's too: RTP and baresip's TLS."""
    while True:
        port = SystemRandom().randrange(LOWEST, HIGHEST, 2)
        if port not in _given and all(is_free(kind, each) for kind in _KINDS for each in (port, port + 1)):
            _given.add(port)
            return port


def is_free(kind: socket.SocketKind, port: int) -> bool:
    """On 127.0.0.1, at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
