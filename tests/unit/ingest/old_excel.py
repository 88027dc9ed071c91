"""A small writer of Excel 97 files (BIFF8 in an OLE container), for no package of ours writes them any more."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_DATE_FORMAT = 1


def write_xls(
    path: Path, rows: Sequence[Sequence[object]], *, stream: str = "Workbook", encrypted: bool = False
) -> Path:
    """Rows of text and numbers on one sheet. `stream` makes another kind of Office file of it."""
    path.write_bytes(_container(stream, _workbook(rows, encrypted=encrypted)))
    return path


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(text: str, width: str) -> bytes:
    return struct.pack(width, len(text)) + b"\x01" + text.encode("utf-16-le")


def _workbook(rows: Sequence[Sequence[object]], *, encrypted: bool) -> bytes:
    bof = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6))
    # An RC4 header: version 1, flags 1, then salt, verifier and its hash.
    locked = _record(0x002F, struct.pack("<HHH", 1, 1, 1) + bytes(48)) if encrypted else b""
    formats = b"".join(_record(0x00E0, struct.pack("<HHHHHHIIH", 0, f, 0, 0, 0, 0, 0, 0, 0)) for f in (0, 14))
    end = _record(0x000A, b"")
    sheet_record = 4 + 6 + len(_text("Hoja1", "<B"))
    offset = len(bof) + len(locked) + len(formats) + sheet_record + len(end)
    bound = _record(0x0085, struct.pack("<IBB", offset, 0, 0) + _text("Hoja1", "<B"))
    sheet = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, str):
                sheet += _record(0x0204, struct.pack("<HHH", r, c, 0) + _text(value, "<H"))
            elif isinstance(value, bool):
                sheet += _record(0x0205, struct.pack("<HHHBB", r, c, 0, int(value), 0))
            elif isinstance(value, tuple):  # a date, as its serial number
                sheet += _record(0x0203, struct.pack("<HHHd", r, c, _DATE_FORMAT, float(value[0])))
            elif isinstance(value, int | float):
                sheet += _record(0x0203, struct.pack("<HHHd", r, c, 0, float(value)))
            elif isinstance(value, bytes):  # an error code, #N/A is 42
                sheet += _record(0x0205, struct.pack("<HHHBB", r, c, 0, value[0], 1))
    return bof + locked + formats + bound + end + sheet + end


def _container(name: str, content: bytes) -> bytes:
    content = content.ljust(max(4096, -(-len(content) // _SECTOR) * _SECTOR), b"\0")
    sectors = len(content) // _SECTOR
    chain = [*range(1, sectors), _END, _END, _FAT]  # the stream, the directory, the table itself
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(_SECTOR, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, sectors, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<I", sectors + 1) + b"\xff" * 4 * 108
    directory = _entry("Root Entry", 5, _END, 0, child=1) + _entry(name, 2, 0, len(content))
    directory += _entry("", 0, 0, 0) * 2
    return header + content + directory + table


def _entry(name: str, kind: int, start: int, size: int, child: int = _FREE) -> bytes:
    encoded = name.encode("utf-16-le")
    return (
        encoded.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(encoded) + 2 if name else 0, kind, 1, _FREE, _FREE, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
