"""A port that is chosen now and bound by a program later is nobody else's in between."""

import socket

from tests.support.ports import HIGHEST, LOWEST, free_port


def test_it_is_where_the_system_gives_none_and_none_is_given_twice() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    assert LOWEST <= min(ports) <= max(ports) <= HIGHEST


def test_it_is_free_for_both() -> None:
    port = free_port()
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", port))
        udp.bind(("127.0.0.1", port))
