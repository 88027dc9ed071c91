"""Every kind of file that can be read, and every kind that must be refused with a message before any harm."""

from __future__ import annotations

import io
import os
import re
import tracemalloc
import zipfile
from pathlib import Path

import msoffcrypto.format.ooxml
import pytest

from speechai.errors import InputError
from speechai.operation.ingest import Limits, file_sha256
from tests.unit.ingest.conftest import GOOD, HEADER, OTHER, MakeXlsx, run
from tests.unit.ingest.old_excel import write_xls


def encrypted_xlsx(plain: Path, target: Path) -> Path:
    with plain.open("rb") as file, target.open("wb") as out:
        msoffcrypto.format.ooxml.OOXMLFile(file).encrypt("secreta", out)
    return target


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"", "empty"),
        ("a.xls", b"<html><body><table><tr><td>RUT</td></tr></table></body></html>", "web page"),
        ("a.xls", b"\xef\xbb\xbf\n<!DOCTYPE html><table></table>", "web page"),
        ("a.xls", b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "XML"),
        ("a.xlsx", b"%PDF-1.7 ...", "PDF"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
        ("a.csv", os.urandom(64) + bytes(64), "not a workbook nor a CSV"),
        ("a.xlsx", b"PK\x03\x04" + bytes(200), "broken or was cut"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "broken workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "broken workbook"),
        ("~$lista.xlsx", b"user", "mark that Excel leaves"),
        ("a.csv", b"\n\n  \n", "nothing in it|anything in it"),
    ],
)
def test_what_is_no_list_says_what_it_is(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        run(path)


def test_a_file_that_is_one_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("telefono;nombre;rut;monto\n" + "988164510;" * 200_000, encoding="utf-8")
    with pytest.raises(InputError, match="a line of more than"):
        run(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        run(tmp_path / "nada.xlsx")
    with pytest.raises(InputError, match="is a folder"):
        run(tmp_path)


@pytest.mark.parametrize("lock", ["~$lista.xlsx", ".~lock.lista.xlsx#"])
def test_a_workbook_open_in_excel_or_libreoffice_is_refused(lock: str, make_xlsx: MakeXlsx, tmp_path: Path) -> None:
    path = make_xlsx([HEADER, GOOD])
    (tmp_path / lock).write_bytes(b"user")
    with pytest.raises(InputError, match="is open in Excel or LibreOffice"):
        run(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([HEADER, GOOD])
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        run(path)


def test_a_workbook_with_a_password_is_refused(make_xlsx: MakeXlsx, tmp_path: Path) -> None:
    locked = encrypted_xlsx(make_xlsx([HEADER, GOOD]), tmp_path / "clave.xlsx")
    with pytest.raises(InputError, match="protected by a password"):
        run(locked)


def test_an_old_workbook_with_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="protected by a password"):
        run(write_xls(tmp_path / "clave.xls", [HEADER, GOOD], encrypted=True))


@pytest.mark.parametrize(
    ("member", "what"),
    [
        ("word/document.xml", "Word document"),
        ("ppt/presentation.xml", "PowerPoint"),
        ("xl/workbook.bin", "xlsb"),
        ("content.xml", "OpenDocument"),
        ("lista.csv", "zip archive"),
    ],
)
def test_another_office_file_renamed_to_xlsx_is_refused_by_its_real_name(
    member: str, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "lista.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        if not member.endswith(".csv"):
            archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(member, "<x/>")
    with pytest.raises(InputError, match=what):
        run(path)


def test_an_old_word_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Word"):
        run(write_xls(tmp_path / "carta.xls", [HEADER], stream="WordDocument"))


def bomb(path: Path, megabytes: int) -> Path:
    """A workbook whose sheet is one run of spaces: tiny on disk."""
    block = b" " * 1024**2
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(megabytes):
                part.write(block)
    return path


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomba.xlsx", 64)
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(InputError, match=r"grows \d+ times"):
        run(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024**2


def test_the_whole_unpacked_size_is_limited_too(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match="would unpack to"):
        run(make_xlsx([HEADER, GOOD]), limits=Limits(uncompressed_bytes=1000))


def test_a_zip_of_very_many_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(50):
            archive.writestr(f"p{number}", "")
    with pytest.raises(InputError, match="50 parts"):
        run(path, limits=Limits(zip_entries=40))


def test_a_file_above_the_limit_of_bytes_or_rows_is_refused(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([HEADER, GOOD, OTHER])
    with pytest.raises(InputError, match=r"at most 0\.0 MiB"):
        run(path, limits=Limits(file_bytes=1000))
    with pytest.raises(InputError, match="more than 1 rows"):
        run(path, limits=Limits(rows=1))
    with pytest.raises(InputError, match="at most 3 are read"):
        run(path, limits=Limits(columns=3))


def damaged(path: Path, member: str, content: bytes) -> Path:
    """The same workbook with one part replaced."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row r='1'><c"),
        ("xl/workbook.xml", b"not xml"),
        ("[Content_Types].xml", b"<Types/>"),
    ],
)
def test_a_damaged_part_is_told_as_a_broken_workbook(member: str, content: bytes, make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match=r"broken workbook|more rows|no visible sheet"):
        run(damaged(make_xlsx([HEADER, GOOD]), member, content))


def shared_strings(path: Path, *, keep: int | None = None) -> Path:
    """The same workbook with its texts in a table apart, as Excel itself writes them; `keep` cuts the table."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    texts: list[bytes] = []

    def refer(match: re.Match[bytes]) -> bytes:
        texts.append(match[1])
        return b't="s"><v>%d</v></c>' % (len(texts) - 1)

    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(rb't="inlineStr"><is><t>([^<]*)</t></is></c>', refer, parts[sheet])
    kept = b"".join(b"<si><t>%s</t></si>" % t for t in texts[:keep])
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/sharedStrings.xml"] = b'<sst xmlns="%s">%s</sst>' % (space, kept)
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", override)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def test_texts_in_a_table_of_their_own_are_read_as_excel_writes_them(make_xlsx: MakeXlsx) -> None:
    plain = run(make_xlsx([HEADER, GOOD, OTHER], "a.xlsx"))
    shared = run(shared_strings(make_xlsx([HEADER, GOOD, OTHER], "b.xlsx")))
    assert shared.contacts == plain.contacts


def test_a_table_of_texts_that_is_too_short_is_a_broken_workbook(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match="broken workbook"):
        run(shared_strings(make_xlsx([HEADER, GOOD]), keep=3))


def test_entities_in_a_sheet_are_not_expanded(make_xlsx: MakeXlsx) -> None:
    evil = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet><sheetData>&b;</sheetData></worksheet>'
    with pytest.raises(InputError, match="broken workbook"):
        run(damaged(make_xlsx([HEADER, GOOD]), "xl/worksheets/sheet1.xml", evil))


def test_a_sheet_that_claims_a_wrong_size_is_read_whole(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([HEADER, GOOD, OTHER])
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    lying = sheet.replace(b'<dimension ref="A1:E3"', b'<dimension ref="A1"')
    assert lying != sheet
    assert run(damaged(path, "xl/worksheets/sheet1.xml", lying)).counts.contacts == 2


def test_a_formula_gives_its_stored_result_and_without_one_its_text(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([HEADER, GOOD, ("12022901-K", "Rosa Yáñez", "977774923", "=1000*2", "")])
    assert run(path).reasons() == [(3, "formula")]
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    computed = sheet.replace(b"<f>1000*2</f><v />", b"<f>1000*2</f><v>2000</v>").replace(
        b"<f>1000*2</f><v></v>", b"<f>1000*2</f><v>2000</v>"
    )
    assert computed != sheet
    assert run(damaged(path, "xl/worksheets/sheet1.xml", computed)).contacts[1].amount_minor == 2000


def test_a_header_without_contacts_is_told(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match="no contact below"):
        run(make_xlsx([HEADER, [None] * 5, ["  "]]))
    with pytest.raises(InputError, match="no visible sheet with anything"):
        run(make_xlsx([]))


def test_the_same_bytes_have_the_same_fingerprint(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "b") != file_sha256(tmp_path / "c")


def test_a_list_without_a_header_is_told_so_without_showing_its_data(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("24.116.641-4;Hugo Soto;988164510;1000\n12022901-K;Rosa;977774923;5\n", encoding="utf-8")
    with pytest.raises(InputError, match="looks like a contact and not like a header") as caught:
        run(path)
    assert "988164510" not in str(caught.value)
    assert "24.116.641" not in str(caught.value)


def test_a_message_never_holds_more_of_the_file_than_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x;y\n24116641-4;988164510\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run(path)
    assert "988164510" not in str(caught.value)


def test_random_damage_never_escapes_as_another_error(make_xlsx: MakeXlsx, tmp_path: Path) -> None:
    whole = make_xlsx([HEADER, GOOD, OTHER]).read_bytes()
    for step in range(0, len(whole), 97):
        path = tmp_path / f"d{step}.xlsx"
        path.write_bytes(whole[:step] + b"\xff\x00\x41" + whole[step + 3 :])
        try:
            run(path)
        except InputError:
            continue
    buffer = io.BytesIO(whole[: len(whole) // 2])
    (tmp_path / "half.xlsx").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="broken"):
        run(tmp_path / "half.xlsx")
