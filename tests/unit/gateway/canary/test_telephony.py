"""What a canary refuses before it starts anything, and the ports it chooses."""

import shutil
import socket

import pytest

from gateway.base.errors import SetupError
from gateway.canary import telephony
from gateway.canary.telephony import CALLS, FreePorts, open_telephony


async def refused(listen: str, calls: int = 1) -> SetupError:
    with pytest.raises(SetupError) as caught:
        async with open_telephony(listen, calls, lasts_s=10):
            pass
    return caught.value


@pytest.mark.parametrize(
    "listen", ["", "5099", "pbx:5099", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "1.2.3.400:5099", "[::1]:5099"]
)
async def test_only_an_ipv4_address_and_a_port_can_be_listened_at(listen: str) -> None:
    assert (await refused(listen)).code == "canary_listen"


async def test_more_calls_than_telephones_are_refused() -> None:
    assert (await refused("127.0.0.1:5099", CALLS + 1)).code == "canary_calls"


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ({"sipp"}, "apt-get install sip-tester."),
        ({"baresip"}, "apt-get install baresip-core."),
        ({"sipp", "baresip"}, "apt-get install sip-tester baresip-core."),
    ],
)
async def test_a_missing_program_is_named_with_the_command_that_installs_it(
    missing: set[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shutil.which
    monkeypatch.setattr(telephony.shutil, "which", lambda name: None if name in missing else found(name) or name)
    monkeypatch.setattr(telephony, "modules_of_baresip", lambda: telephony.Path("/usr/lib/baresip/modules"))
    refusal = await refused("127.0.0.1:5099")
    assert refusal.code == "canary_programs"
    assert refusal.detail.endswith(command)


def test_no_port_is_chosen_twice_and_a_telephone_has_the_next_one_too() -> None:
    with FreePorts("127.0.0.1") as ports:
        pairs = [ports.free(pair=True) for _ in range(10)]
        single = [ports.free() for _ in range(10)]
    chosen = [*pairs, *(port + 1 for port in pairs), *single]
    assert len(set(chosen)) == len(chosen)
    for port in chosen:
        with socket.socket() as again:  # they are free again
            again.bind(("127.0.0.1", port))


def test_an_address_of_another_machine_has_no_ports_here() -> None:
    with FreePorts("192.0.2.77") as ports, pytest.raises(OSError, match=r"no port is free at 192\.0\.2\.77"):
        ports.free()
