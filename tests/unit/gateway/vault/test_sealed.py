"""The sealed file: whatever is read is what was sealed, or it is refused."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.vault.content import open_sealed
from gateway.vault.sealed import HEADER_BYTES, TAG_BYTES, Cipher, Header, SealBroken, belongs_to, sealing

KEY = bytes(range(32))
OWN = belongs_to("rc_one00000", "recording.webm")
BITS = 10  # chunks of 1 KiB: small files have many


def sealed(plain: bytes, key: bytes = KEY, file_id: bytes = bytes(16)) -> bytes:
    header = Header(plain_bytes=len(plain), file_id=file_id, belongs=OWN, chunk_bits=BITS)
    return b"".join(sealing(io.BytesIO(plain), key, header))


async def opened(
    data: bytes, start: int = 0, end: int | None = None, key: bytes = KEY, name: str = "recording.webm"
) -> bytes:
    async def source(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    content = await open_sealed(
        source, data_key=key, recording_id="rc_one00000", name=name, media_type="", file_name="", etag=""
    )
    stop = content.size_bytes if end is None else end
    return b"".join([part async for part in content.read(start, stop)])


@given(st.binary(max_size=5000), st.data())
@settings(max_examples=60)
async def test_any_part_of_any_file_comes_back(plain: bytes, data: st.DataObject) -> None:
    file = sealed(plain)
    assert len(file) == Header(plain_bytes=len(plain), file_id=bytes(16), belongs=OWN, chunk_bits=BITS).sealed_bytes
    start = data.draw(st.integers(0, len(plain)))
    end = data.draw(st.integers(start, len(plain)))
    assert await opened(file, start, end) == plain[start:end]


@given(st.integers(0, 8 * (HEADER_BYTES + 3000 + 3 * TAG_BYTES) - 1))
@settings(max_examples=100)
async def test_a_flipped_bit_anywhere_is_found(bit: int) -> None:
    file = bytearray(sealed(bytes(3000)))
    file[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        await opened(bytes(file))


CHUNK = 1024 + TAG_BYTES
MADE = sealed(bytes(3000))


@pytest.mark.parametrize(
    "file",
    [
        MADE[:-CHUNK],  # the last chunk is cut off
        MADE[:-1],
        MADE[:HEADER_BYTES]
        + MADE[HEADER_BYTES + CHUNK : HEADER_BYTES + 2 * CHUNK] * 2
        + MADE[HEADER_BYTES + 2 * CHUNK :],
        MADE[:40],
        b"",
        sealed(bytes(3000), file_id=bytes([1] * 16))[:HEADER_BYTES] + MADE[HEADER_BYTES:],  # another file's header
        sealed(bytes(2048))[: HEADER_BYTES + CHUNK] + MADE[HEADER_BYTES + CHUNK :],
    ],
    ids=["cut", "one byte short", "two chunks swapped", "half a header", "nothing", "another header", "another length"],
)
async def test_what_was_cut_swapped_or_put_together_is_refused(file: bytes) -> None:
    with pytest.raises(SealBroken):
        await opened(file)


async def test_the_right_file_needs_the_right_key_and_the_right_name() -> None:
    with pytest.raises(SealBroken):
        await opened(MADE, key=bytes(32))
    with pytest.raises(SealBroken, match="another name"):
        await opened(MADE, name="customer.webm")


def test_a_version_of_the_future_is_refused_and_not_guessed_at() -> None:
    header = bytearray(MADE[:HEADER_BYTES])
    header[4] = 2
    with pytest.raises(SealBroken, match="version 2"):
        Header.unpack(bytes(header), belongs=OWN)


def test_two_files_of_one_recording_share_no_key_stream() -> None:
    """The chunk number is the nonce: the keys must differ."""
    one, two = (Header(plain_bytes=9, file_id=bytes([n] * 16), belongs=OWN) for n in (1, 2))
    assert Cipher(KEY, one).seal(0, b"same text") != Cipher(KEY, two).seal(0, b"same text")


@pytest.mark.parametrize("said", [2999, 3001, 0])
def test_a_source_that_changes_while_it_is_sealed_is_refused(said: int) -> None:
    header = Header(plain_bytes=said, file_id=bytes(16), belongs=OWN, chunk_bits=BITS)
    with pytest.raises(SealBroken):
        list(sealing(io.BytesIO(bytes(3000)), KEY, header))
