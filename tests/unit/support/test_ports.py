"""A port that is chosen now and bound by a program later is nobody else's in between."""

import socket

from tests.support.ports import free_port, lowest_given_by_the_system


def test_no_socket_that_asks_for_any_port_gets_it_and_none_is_given_twice() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < lowest_given_by_the_system()


def test_it_is_free_for_both() -> None:
    port = free_port()
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", port))
        udp.bind(("127.0.0.1", port))
