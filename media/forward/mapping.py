"""How packets of one section become packets of another: payload types and header extensions.

Computed once per pair of sections. Where both peers agreed on the same numbers there is nothing to do: then the map is
None, and a test for None is all that the packet path pays.
"""

from collections.abc import Iterable

from media.forward import rtp
from media.sdp.description import EXT_MID, Codec, Section

UNMAPPED = -1


def match_codec(codec: Codec, offered: Iterable[Codec]) -> Codec | None:
    """The receiver's codec that decodes `codec`: same name and clock, the same parameters if there is such a one."""
    same = [other for other in offered if other.name == codec.name and other.clock_rate_hz == codec.clock_rate_hz]
    return next((other for other in same if other.fmtp == codec.fmtp), same[0] if same else None)


def payload_types(source: Section, target: Section) -> dict[int, int] | None:
    """Payload type of `source` → of `target`, UNMAPPED where the target has no such codec. None: all stay."""
    pairs = {codec.payload_type: match_codec(codec, target.codecs) for codec in source.codecs}
    mapped = {number: UNMAPPED if other is None else other.payload_type for number, other in pairs.items()}
    return None if all(number == other for number, other in mapped.items()) else mapped


class ExtensionMap:
    """Rewrites the extension block in place; lengths never change. What the receiver has no id for becomes padding."""

    __slots__ = ("_ids", "_mid", "_mid_id")

    def __init__(self, ids: dict[int, int], mid_id: int, mid: bytes) -> None:
        self._ids = ids
        self._mid_id = mid_id
        self._mid = mid

    @classmethod
    def between(cls, source: Section, target: Section) -> "ExtensionMap | None":
        """The map from `source` to `target`, or None when every packet can stay as it is."""
        same_mid = source.mid == target.mid or EXT_MID not in source.extensions
        if same_mid and all(target.extensions.get(uri) == number for uri, number in source.extensions.items()):
            return None
        ids = {number: target.extensions[uri] for uri, number in source.extensions.items() if uri in target.extensions}
        return cls(ids, source.extensions.get(EXT_MID, 0), target.mid.encode())

    def rewrite(self, buffer: bytearray, length: int) -> None:
        """Give every element of a well-formed packet the receiver's id, and the mid the receiver's value.

        A mid of another length can't be written in place: it is blanked, and the receiver knows the stream by its SSRC.
        """
        one_byte = True
        for number, at, data, size in rtp.extensions(buffer, length):
            one_byte = data - at == 1
            target = self._ids.get(number, 0)
            if number == self._mid_id and target:
                if size == len(self._mid):
                    buffer[data : data + size] = self._mid
                else:
                    target = 0
            if not target or (one_byte and target > 14):
                buffer[at : data + size] = bytes(data + size - at)
            elif one_byte:
                buffer[at] = target << 4 | (buffer[at] & 0x0F)
            else:
                buffer[at] = target
