"""Elements of EBML (RFC 8794), the encoding of Matroska and WebM."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from ..read.source import MediaError

VOID, CRC = 0xEC, 0xBF
LONGEST_HEAD = 12  # bytes of an id and a size


@dataclass
class Element:
    """An element: its id, and its content."""

    id: int
    content: bytes

    def __bytes__(self) -> bytes:
        width = (self.id.bit_length() + 7) // 8
        return self.id.to_bytes(width, "big") + _size(len(self.content)) + self.content


class Place(NamedTuple):
    """An element of a file: the bytes where it and its content start, and where both end."""

    id: int
    start: int
    content: int
    end: int


def elements(data: bytes) -> list[Element]:
    """The elements that a content consists of; MediaError if it does not."""
    found, start = list[Element](), 0
    while start < len(data):
        place = _parsed(data[start : start + LONGEST_HEAD], start)
        if place.end > len(data):
            raise MediaError(f"got an element of {place.end - start} bytes; expected a whole one")
        found.append(Element(place.id, data[place.content : place.end]))
        start = place.end
    return found


def joined(parts: list[Element]) -> bytes:
    """The content that consists of these elements; its checksum, if it has one, is computed."""
    data = b"".join(bytes(part) for part in parts if part.id != CRC)
    if not any(part.id == CRC for part in parts):
        return data
    return bytes(Element(CRC, zlib.crc32(data).to_bytes(4, "little"))) + data  # RFC 8794, 11.3.1


def place_at(file: BinaryIO, start: int) -> Place:
    """Read where the element is that starts at this byte of a file."""
    file.seek(start)
    return _parsed(file.read(LONGEST_HEAD), start)


def void(size: int) -> bytes:
    """An empty element of `size` bytes with its head; 2 at least, or none."""
    if size < 10:
        return bytes([VOID, 0x80 | size - 2]) + bytes(size - 2) if size else b""
    return bytes([VOID]) + (1 << 56 | size - 9).to_bytes(8, "big") + bytes(size - 9)


def _parsed(head: bytes, start: int) -> Place:
    width = 9 - head[0].bit_length() if head else 9
    wide = 9 - head[width].bit_length() if len(head) > width else 9
    content = width + wide
    if width > 4 or wide > 8 or len(head) < content:
        raise MediaError(f"got no element at byte {start}; expected a whole Matroska file")
    size = int.from_bytes(head[width:content], "big") & (1 << 7 * wide) - 1
    end = start + content + size
    return Place(int.from_bytes(head[:width], "big"), start, start + content, end)


def _size(count: int) -> bytes:
    width = next(width for width in range(1, 9) if count < (1 << 7 * width) - 1)
    return (1 << 7 * width | count).to_bytes(width, "big")
