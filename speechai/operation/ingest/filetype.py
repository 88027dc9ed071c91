"""A path becomes a kind of file that can be read, or a refusal that says what it is instead.

The content decides, not the ending; nothing is unpacked before its sizes are known. Called by `reading.open_source`.
"""

from __future__ import annotations

import hashlib
import zipfile
from enum import StrEnum
from pathlib import Path

from speechai.errors import InputError
from speechai.operation.ingest.model import Limits

_HEAD_BYTES = 4096
_BIG_ENTRY_BYTES = 10 * 1024**2
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHER_FORMATS = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"{\\rtf": "a text document (RTF)",
}
_ZIP_MEMBERS = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "xl/workbook.bin": "a binary workbook (xlsb)",
    "content.xml": "an OpenDocument file (ods)",
    "Index/Document.iwa": "an Apple Numbers file",
}
_HOW = "Open it in Excel and save it as .xlsx or as CSV."


class FileKind(StrEnum):
    """What the ingest can read."""

    XLSX = "xlsx"
    XLS = "xls"
    CSV = "csv"


def file_sha256(path: Path) -> str:
    """The fingerprint by which the same file is recognised when it comes a second time. Reads the file in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, limits: Limits) -> FileKind:
    """Say what the file is.

    Raises:
        InputError: it is missing, a folder, empty, too large, open in Excel, not permitted, protected by a password,
            broken, a zip bomb, or of another format; the message names it and says what to do.
    """
    head = _head(path, limits)
    if head.startswith(_OLE):
        return _check_ole(path)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _check_zip(path, limits)
    for magic, what in _OTHER_FORMATS.items():
        if head.startswith(magic):
            raise InputError(f"{path.name} is {what}, not a list of contacts. {_HOW}")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<") and any(tag in text for tag in (b"<html", b"<table", b"<!doctype", b"<?xml")):
        raise InputError(f"{path.name} is a web page or an XML file saved with a spreadsheet's name. {_HOW}")
    if _is_binary(head):
        raise InputError(f"{path.name} is not a workbook nor a CSV file. {_HOW}")
    return FileKind.CSV


def _head(path: Path, limits: Limits) -> bytes:
    name = path.name
    if name.startswith(("~$", ".~lock.")):
        raise InputError(f"{name} is the mark that Excel leaves beside an open workbook; give the workbook itself.")
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give one file of contacts.")
        size = path.stat().st_size
        for lock in (path.with_name(f"~${name}"), path.with_name(f".~lock.{name}#")):
            if lock.exists():
                raise InputError(
                    f"{name} is open in Excel or LibreOffice ({lock.name} stands beside it): save and close it, "
                    f"then try again. If nobody has it open, delete {lock.name}."
                )
        if size == 0:
            raise InputError(f"{name} is empty (0 bytes).")
        if size > limits.file_bytes:
            allowed = limits.file_bytes / 1024**2
            raise InputError(f"{name} weighs {size / 1024**2:.1f} MiB; at most {allowed:.1f} MiB are read. Split it.")
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise InputError(f"There is no file {path}. Check the name and the folder.") from None
    except PermissionError:
        raise InputError(f"{path} may not be read: close it where it is open, or ask for permission to read.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_ole(path: Path) -> FileKind:
    import msoffcrypto  # only for the old format: it brings the cryptography library into a worker's memory
    from msoffcrypto.exceptions import FileFormatError

    try:
        with path.open("rb") as file:
            office = msoffcrypto.OfficeFile(file)
            kind = type(office).__name__
            encrypted = kind in ("OOXMLFile", "Xls97File") and office.is_encrypted()
    except FileFormatError:
        return FileKind.XLS  # a 'Book' stream of Excel 95, or broken: xlrd tells which
    except (OSError, ValueError, KeyError, IndexError, EOFError) as error:
        raise InputError(f"{path.name} is a broken workbook ({type(error).__name__}). {_HOW}") from error
    if encrypted:
        raise InputError(
            f"{path.name} is protected by a password. "
            "Save a copy without it (File, Info, Protect Workbook, Encrypt with Password, leave it empty)."
        )
    if kind != "Xls97File":
        raise InputError(f"{path.name} is a Word or PowerPoint document, not a list of contacts. {_HOW}")
    return FileKind.XLS


def _check_zip(path: Path, limits: Limits) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise InputError(f"{path.name} is broken or was cut in transfer ({error}). Get it again.") from error
    if len(entries) > limits.zip_entries:
        raise InputError(f"{path.name} holds {len(entries)} parts; a workbook has at most {limits.zip_entries}.")
    total = sum(e.file_size for e in entries)
    if total > limits.uncompressed_bytes:
        raise InputError(
            f"{path.name} would unpack to {total / 1024**2:.0f} MiB; at most "
            f"{limits.uncompressed_bytes / 1024**2:.0f} MiB are read. Split the file."
        )
    for entry in entries:
        ratio = entry.file_size / max(entry.compress_size, 1)
        if entry.file_size > _BIG_ENTRY_BYTES and ratio > limits.compression_ratio:
            raise InputError(
                f"{path.name} is refused: its part {entry.filename} grows {ratio:.0f} times when unpacked "
                f"(at most {limits.compression_ratio}). That is no workbook of contacts."
            )
        if entry.flag_bits & 0x1:
            raise InputError(f"{path.name} is protected by a password. Save a copy without it.")
    names = {e.filename for e in entries}
    for member, what in _ZIP_MEMBERS.items():
        if member in names:
            raise InputError(f"{path.name} is {what}, not an .xlsx workbook. {_HOW}")
    if "[Content_Types].xml" not in names:
        raise InputError(f"{path.name} is a zip archive, not a workbook. Unpack it and give the file inside.")
    return FileKind.XLSX


def _is_binary(head: bytes) -> bool:
    """Control bytes that no text has; UTF-16 and UTF-32 are text although they hold zero bytes."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if utf16_without_mark(head):
        return False
    control = sum(b < 9 or 13 < b < 32 for b in head)
    return b"\0" in head or control * 100 > len(head)


def utf16_without_mark(head: bytes) -> str | None:
    """'utf-16-le' or 'utf-16-be' when every other byte is zero, as in Latin text without a byte-order mark."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    even, odd = head[0 : pairs * 2 : 2].count(0), head[1 : pairs * 2 : 2].count(0)
    if odd > pairs * 0.7 and even == 0:
        return "utf-16-le"
    if even > pairs * 0.7 and odd == 0:
        return "utf-16-be"
    return None
