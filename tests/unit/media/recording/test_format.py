"""The capture on disk: what is written is read back, and nothing damaged is ever read as something else."""

import io
import itertools
import random
import tempfile
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.recording import format as fmt
from media.recording.reader import CaptureReader, Ending

_times = st.floats(min_value=0, max_value=4e9, allow_nan=False)
_texts = st.text(max_size=80)
_u32 = st.integers(0, 2**32 - 1)
_records = st.one_of(
    st.builds(fmt.RtpCaptured, st.integers(0, 1023), _times, st.binary(min_size=12, max_size=1500)),
    st.builds(fmt.SenderReportCaptured, st.integers(0, 1023), _times, _u32, _times, _u32),
    st.builds(fmt.MarkSet, _times, _texts, _texts),
    st.builds(fmt.PacketsDropped, _times, st.integers(0, 2**64 - 1)),
    st.builds(
        fmt.TrackOpened,
        st.integers(0, 1023),
        _times,
        st.sampled_from(["customer", "agent"]),
        st.sampled_from(["audio", "video", "screen"]),
        st.sampled_from(["OPUS", "VP8", "H264"]),
        _u32,
        _u32,
        st.text(alphabet="abc_", max_size=30),
        st.integers(0, 255),
    ),
)
_ENCODERS = {
    fmt.RtpCaptured: fmt.encode_rtp,
    fmt.SenderReportCaptured: fmt.encode_report,
    fmt.MarkSet: fmt.encode_mark,
    fmt.PacketsDropped: fmt.encode_dropped,
    fmt.TrackOpened: fmt.encode_track,
    fmt.CaptureEnded: fmt.encode_end,
}


_SALT = 0x5EED1234


def encoded(record: fmt.Record) -> bytes:
    return _ENCODERS[type(record)](record)


def read(path: Path) -> tuple[list[fmt.Record], Ending, int]:
    with CaptureReader(path) as reader:
        records = list(reader.records())
        return records, reader.ending, reader.good_bytes


@given(record=_records)
def test_every_record_is_read_back_as_it_was_written(record: fmt.Record) -> None:
    data = encoded(record)
    length, _ = fmt.FRAME.unpack_from(data)
    assert length == len(data) - fmt.FRAME.size
    again = fmt.decode_body(data[fmt.FRAME.size :])
    if isinstance(record, fmt.MarkSet):  # texts are cut at their limit, nothing else changes
        assert record.name.startswith(again.name)
        assert record.detail == again.detail
    else:
        assert again == record


def test_a_track_of_an_older_capture_has_no_orientation() -> None:
    """Captures written before the field was there end with the leg's name."""
    track = fmt.TrackOpened(3, 5.0, "customer", "video", "VP8", 90000, 7, "lg_1", 13)
    body = encoded(track)[fmt.FRAME.size :]
    assert fmt.decode_body(body) == track
    older = fmt.decode_body(body[:-1])
    assert isinstance(older, fmt.TrackOpened)
    assert (older.leg, older.orientation_id) == ("lg_1", 0)


@given(body=st.binary(max_size=60))
def test_any_body_is_a_record_or_damaged(body: bytes) -> None:
    try:
        fmt.decode_body(body)
    except fmt.CaptureDamaged:
        return


@given(data=st.binary(max_size=80))
def test_a_strange_header_is_damaged(data: bytes) -> None:
    with pytest.raises(fmt.CaptureDamaged):
        fmt.decode_header(data)


def test_a_recording_id_of_other_characters_is_refused() -> None:
    for text in ("", "rc_" + "x" * 80, "rc_ü"):
        with pytest.raises(ValueError, match=r".*"):
            fmt.encode_header(text)


@pytest.fixture(scope="module")
def small_capture() -> tuple[bytes, list[fmt.Record], list[int]]:
    """A whole capture, its records, and the offset where each record ends."""
    records: list[fmt.Record] = [
        fmt.TrackOpened(0, 1.0, "customer", "audio", "OPUS", 48000, 7, "lg_1"),
        fmt.RtpCaptured(0, 1.1, bytes(40)),
        fmt.SenderReportCaptured(0, 1.2, 7, 3.9e9, 960),
        fmt.MarkSet(1.3, "pause", "card"),
        fmt.RtpCaptured(0, 1.4, b"\x80" * 60),
        fmt.CaptureEnded(1.5, 2),
    ]
    out = io.BytesIO()
    out.write(fmt.encode_header("rc_test"))
    ends = []
    for record in records:
        out.write(encoded(record))
        ends.append(out.tell())
    return out.getvalue(), records, ends


@settings(max_examples=60, deadline=None)
@given(records=st.lists(_records, max_size=12), share=st.floats(0, 1))
def test_a_capture_cut_at_any_byte_gives_every_record_before_the_cut(records: list[fmt.Record], share: float) -> None:
    """kill -9 and power loss: whatever was appended before the cut is read, and nothing else."""
    header = fmt.encode_header("rc_test", _SALT)
    pieces = [_ENCODERS[type(record)](record, _SALT) for record in records]
    ends = list(itertools.accumulate((len(piece) for piece in pieces), initial=len(header)))
    cut = len(header) + round(share * (ends[-1] - len(header)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cut"
        path.write_bytes((header + b"".join(pieces))[:cut])
        with CaptureReader(path) as reader:
            got = list(reader.records())
    whole = max(index for index, end in enumerate(ends) if end <= cut)
    assert [_ENCODERS[type(record)](record, _SALT) for record in got] == pieces[:whole]
    assert reader.ending is (Ending.CUT if cut in ends else Ending.TORN)
    assert (reader.good_bytes, reader.damaged_bytes, reader.holes) == (ends[whole], cut - ends[whole], 0)


def test_a_header_cut_at_any_byte_is_damaged() -> None:
    header = fmt.encode_header("rc_test", _SALT)
    for size in range(len(header)):
        with pytest.raises(fmt.CaptureDamaged):
            fmt.decode_header(header[:size])
    assert fmt.decode_header(header) == fmt.Header("rc_test", _SALT, len(header))


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(_records, min_size=1, max_size=12),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 700), st.sampled_from(["zeros", "noise"])), max_size=3),
)
def test_damaged_blocks_cost_only_the_records_they_touch(
    records: list[fmt.Record], places: list[tuple[float, int, str]]
) -> None:
    """A disk that loses blocks in the middle: everything before, between and behind them is read."""
    header = fmt.encode_header("rc_test", _SALT)
    pieces = [_ENCODERS[type(record)](record, _SALT) for record in records]
    whole = header + b"".join(pieces)
    damaged = bytearray(whole)
    for share, size, how in places:
        at = len(header) + int(share * (len(whole) - len(header)))
        size = min(size, len(whole) - at)
        damaged[at : at + size] = bytes(size) if how == "zeros" else random.Random(at).randbytes(size)
    touched, at = [], len(header)
    for piece in pieces:
        touched.append(damaged[at : at + len(piece)] != piece)
        at += len(piece)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        path.write_bytes(damaged)
        with CaptureReader(path) as reader:
            got = list(reader.records())
    kept = [piece for piece, lost in zip(pieces, touched, strict=True) if not lost]
    assert [_ENCODERS[type(record)](record, _SALT) for record in got] == kept
    assert reader.good_bytes + reader.damaged_bytes == len(whole)


def test_what_a_peer_sends_is_never_read_as_a_record_of_ours() -> None:
    """A packet full of forged records, behind a damaged block: the salt is not the forger's to know."""
    forged = b"".join(fmt.encode_mark(fmt.MarkSet(1.0, "resume", ""), salt) for salt in range(40))
    packet = fmt.encode_rtp(fmt.RtpCaptured(0, 1.0, bytes(12) + forged), _SALT)
    after = fmt.encode_end(fmt.CaptureEnded(2.0, 1), _SALT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forged"
        path.write_bytes(fmt.encode_header("rc_test", _SALT) + bytes(8) + packet[8:] + after)
        with CaptureReader(path) as reader:
            assert list(reader.records()) == [fmt.CaptureEnded(2.0, 1)]
    assert (reader.holes, reader.ending) == (1, Ending.CLEAN)


def test_a_record_of_a_kind_not_known_here_is_passed_over() -> None:
    body = fmt.BODY.pack(99, 0, 1.0) + b"from a later version"
    strange = fmt.FRAME.pack(len(body), crc32(body, _SALT)) + body
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strange"
        path.write_bytes(
            fmt.encode_header("rc_test", _SALT) + strange + fmt.encode_end(fmt.CaptureEnded(2.0, 0), _SALT)
        )
        with CaptureReader(path) as reader:
            assert list(reader.records()) == [fmt.CaptureEnded(2.0, 0)]


def test_a_capture_of_version_1_is_read_up_to_its_first_damage(tmp_path: Path) -> None:
    """It has no salt, so behind a damage nothing can be told from what a peer sent."""
    head = fmt.MAGIC + bytes((1, 7)) + b"rc_test"
    head += fmt.CRC.pack(crc32(head))
    first, second = fmt.encode_mark(fmt.MarkSet(1.0, "hold", "")), fmt.encode_mark(fmt.MarkSet(2.0, "retrieve", ""))
    path = tmp_path / "old"
    path.write_bytes(head + first + b"?" + second)
    assert read(path) == ([fmt.MarkSet(1.0, "hold", "")], Ending.TORN, len(head + first))


def test_zeros_after_the_last_record_are_no_records(
    small_capture: tuple[bytes, list[fmt.Record], list[int]], tmp_path: Path
) -> None:
    """After a power loss some file systems leave zeros where the last blocks should be."""
    data, records, ends = small_capture
    path = tmp_path / "zeros"
    path.write_bytes(data[: ends[-2]] + bytes(9000))
    got, ending, _ = read(path)
    assert got == records[:-1]
    assert ending is Ending.TORN


def test_a_capture_longer_than_the_read_buffer_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "long"
    packets = [fmt.RtpCaptured(1, float(i), i.to_bytes(4, "big") * 300) for i in range(1500)]
    path.write_bytes(
        fmt.encode_header("rc_long") + b"".join(map(encoded, packets)) + fmt.encode_end(fmt.CaptureEnded(1500.0, 1500))
    )
    got, ending, good = read(path)
    assert got[:-1] == packets
    assert ending is Ending.CLEAN
    assert good == path.stat().st_size
