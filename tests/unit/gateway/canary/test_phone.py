"""What a telephone of the robots shows and what it heard."""

from array import array
from pathlib import Path

import pytest

from gateway.canary.phone import HEARD_RATE_HZ, Phone, id_in


def test_the_id_is_read_from_the_header_of_an_invite() -> None:
    assert id_in("User-to-User: 374b33515850324d;encoding=hex") == "7K3QXP2M"
    assert id_in("user-to-user:374B;encoding=HEX ") == "7K"


@pytest.mark.parametrize(
    "line",
    [
        "X-Video-Contact-Id: 7K3QXM2P",
        "User-to-User: 374;encoding=hex",  # half a byte
        "User-to-User: ;encoding=hex",
        "User-to-User: 374b",
        "User-to-User: 37zz;encoding=hex",
        "User-to-User: 0d0a;encoding=hex",
        "User-to-User: ff;encoding=hex",
        "User-to-User: " + "37" * 65 + ";encoding=hex",
        "Warning: User-to-User: 374b;encoding=hex",
        "",
    ],
)
def test_no_other_line_has_an_id(line: str) -> None:
    assert id_in(line) is None


def test_what_was_heard_is_all_calls_of_this_telephone_without_the_heads_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "dump-1-dec.wav").write_bytes(bytes(44) + array("h", [1, -2, 3]).tobytes() + b"\x07")
    (tmp_path / "dump-2-dec.wav").write_bytes(bytes(44) + array("h", [4]).tobytes())
    (tmp_path / "dump-1-enc.wav").write_bytes(bytes(44) + array("h", [9, 9]).tobytes())
    (tmp_path / "dump-3-dec.wav").write_bytes(b"RIFF")
    assert list(Phone(5060, tmp_path).heard()) == [1, -2, 3, 4]


def test_of_a_long_call_only_the_last_seconds_are_heard(tmp_path: Path) -> None:
    with (tmp_path / "dump-1-dec.wav").open("wb") as file:
        file.truncate(44 + 2 * HEARD_RATE_HZ * 60)
        file.seek(-4, 2)
        file.write(array("h", [7, 8]).tobytes())
    heard = Phone(5060, tmp_path).heard()
    assert len(heard) == 10 * HEARD_RATE_HZ
    assert list(heard[-2:]) == [7, 8]


def test_a_telephone_that_was_not_called_heard_nothing(tmp_path: Path) -> None:
    assert list(Phone(5060, tmp_path).heard()) == []
