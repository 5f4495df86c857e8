"""The names of counters are an interface for operators: each is documented, and none is documented that isn't there."""

import re
from pathlib import Path

import media.transport

SOURCES = [p for p in Path(media.transport.__file__).parent.glob("*.py") if p.name != "__init__.py"]
REASONS = {"dtls_failed"}  # why a link closed: no counter
USED = re.compile(r'"((?:datagram|stranger|stun|address|dtls|media|srtp|send|receive|handler|close)_[a-z_]+)"')


def test_every_counter_is_documented_and_every_documented_counter_exists() -> None:
    used = {name for path in SOURCES for name in USED.findall(path.read_text())}
    documented = set(re.findall(r"^    ([a-z_]+)  ", media.transport.__doc__ or "", re.MULTILINE))
    assert used - REASONS == documented
