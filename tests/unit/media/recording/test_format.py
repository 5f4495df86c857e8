"""The capture on disk: what is written is read back, and nothing damaged is ever read as something else."""

import io
from pathlib import Path

import pytest
from hypothesis import given
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


def test_a_capture_torn_at_any_byte_gives_every_record_before_the_tear(
    small_capture: tuple[bytes, list[fmt.Record], list[int]], tmp_path: Path
) -> None:
    data, records, ends = small_capture
    header = len(fmt.encode_header("rc_test"))
    path = tmp_path / "torn"
    for size in range(header, len(data) + 1):
        path.write_bytes(data[:size])
        got, ending, good = read(path)
        whole = [record for record, end in zip(records, ends, strict=True) if end <= size]
        assert got == whole
        assert good == max([header, *(end for end in ends if end <= size)])
        if size == len(data):
            assert ending is Ending.CLEAN
        else:
            assert ending is (Ending.CUT if size in (header, *ends) else Ending.TORN)
    for size in range(header):
        path.write_bytes(data[:size])
        with pytest.raises(fmt.CaptureDamaged):
            CaptureReader(path)


def test_a_flipped_byte_ends_the_reading_before_its_record(
    small_capture: tuple[bytes, list[fmt.Record], list[int]], tmp_path: Path
) -> None:
    data, records, ends = small_capture
    header = len(fmt.encode_header("rc_test"))
    path = tmp_path / "flipped"
    for at in range(header, len(data)):
        path.write_bytes(data[:at] + bytes((data[at] ^ 0x41,)) + data[at + 1 :])
        got, ending, _ = read(path)
        assert got == [record for record, end in zip(records, ends, strict=True) if end <= at]
        assert ending is Ending.TORN


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
