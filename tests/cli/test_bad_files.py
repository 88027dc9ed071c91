"""Files that cannot be used: refused here and at once, with exit code 1, before any server is asked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl import Workbook

from tests.cli.conftest import CLOSED, EXAMPLES, HEADER, Command, csv


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def garbage(path: Path) -> Path:
    path.write_bytes(b"\x00\x01\x02 this is no workbook" * 40)
    return path


def broken(path: Path) -> Path:
    whole = (EXAMPLES / "deudores.xlsx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def with_password(path: Path) -> Path:
    with (EXAMPLES / "deudores.xlsx").open("rb") as plain, path.open("wb") as encrypted:
        OOXMLFile(plain).encrypt("secret", encrypted)
    return path


def zip_bomb(path: Path) -> Path:
    book = io.BytesIO()
    Workbook().save(book)
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in source.namelist():
            padding = b" " * 40_000_000 if name.endswith("sheet1.xml") else b""
            bomb.writestr(name, source.read(name) + padding)
    return path


def unknown_columns(path: Path) -> Path:
    return csv(path.with_suffix(".csv"), ("uno", "dos"), ("1", "2"))


def two_claims(path: Path) -> Path:
    return csv(path.with_suffix(".csv"), ("RUT", "NOMBRE", "TELEFONO", "MONTO", "MONTO"), ("1", "a", "b", "1", "2"))


def missing_column(path: Path) -> Path:
    return csv(path.with_suffix(".csv"), HEADER[:3], ("12345678-5", "Ana Soto", "+56912345678"))


@pytest.mark.parametrize(
    "make", [empty, garbage, broken, with_password, zip_bomb, unknown_columns, two_claims, missing_column]
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["sent", "dry run"])
def test_an_unusable_file_is_refused_before_any_server_is_asked(
    alone: Command, tmp_path: Path, make: Callable[[Path], Path], more: tuple[str, ...]
) -> None:
    file = make(tmp_path / "list.xlsx")
    done = alone(
        "enqueue", file, "--use-case", "debt_collection", "--rejects", "out.xlsx", *more,
        MONGO_URI=f"mongodb://{CLOSED}", REDIS_URL=f"redis://{CLOSED}",
    )  # fmt: skip
    assert (done.code, done.out) == (1, "")
    assert done.message().startswith("Error: ")
    assert file.name in done.message()
    assert "MongoDB" not in done.err
    assert not (tmp_path / "out.xlsx").exists()
    assert not (tmp_path / ".data").exists()


def test_a_file_that_is_too_large_is_refused_with_its_size(alone: Command, tmp_path: Path) -> None:
    file = csv(tmp_path / "large.csv", HEADER, *[("12345678-5", "Ana", "+56912345678", "1")] * 20_000)
    done = alone("enqueue", file, "--use-case", "debt_collection", MAX_UPLOAD_MB="0.2")
    assert done.code == 1
    assert "large.csv" in done.message()


def test_a_list_without_contacts_is_refused_by_the_dry_run(alone: Command, tmp_path: Path) -> None:
    done = alone("enqueue", csv(tmp_path / "none.csv", HEADER), "--use-case", "debt_collection", "--dry-run")
    assert (done.code, done.out) == (1, "")
    assert "none.csv" in done.message()
