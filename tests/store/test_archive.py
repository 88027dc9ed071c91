"""Archives: what is written comes back byte for byte; one that is damaged or hostile is refused before any write."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from speechai.errors import InputError, NotAllowed
from speechai.operation.archive import Manifest, check_archive, read_archive, write_archive
from speechai.store.backup import Write

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
DOCUMENTS = [
    {"_id": 1, "at": NOW, "whole": Int64(7), "small": 7, "exact": Decimal128("1.10"), "none": None, "list": [1, "é"]},
    {"_id": bson.ObjectId("0" * 24), "day": date(2026, 11, 25).isoformat(), "raw": b"\x00\xff"},
]


def write(path: Path, parts: dict[str, list[Any]]) -> Manifest:
    def copy(give: Write) -> None:
        for name, documents in parts.items():
            give(name, (bson.encode(document) for document in documents))

    return write_archive(path, copy, version="1.2.3", clock=lambda: NOW)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write(tmp_path / "b.tar.gz", {"jobs": DOCUMENTS, "attempts": DOCUMENTS[:1]})
    return tmp_path / "b.tar.gz"


def test_what_is_written_comes_back_byte_for_byte(archive: Path) -> None:
    manifest = check_archive(archive)
    assert [(part.name, part.documents) for part in manifest.parts] == [("jobs", 2), ("attempts", 1)]
    assert (manifest.version, manifest.begun_at) == ("1.2.3", NOW)
    found = {part.name: [bytes(raw) for raw in documents] for part, documents in read_archive(archive)}
    assert found == {"jobs": [bson.encode(d) for d in DOCUMENTS], "attempts": [bson.encode(DOCUMENTS[0])]}


def test_a_part_that_is_given_again_replaces_the_first(tmp_path: Path) -> None:
    def copy(give: Write) -> None:
        give("batches", [bson.encode({"_id": 1}), bson.encode({"_id": 2})])
        give("jobs", [])
        give("batches", [bson.encode({"_id": 3})])

    write_archive(tmp_path / "b.tar.gz", copy, version="1", clock=lambda: NOW)
    found = {part.name: [bson.decode(raw)["_id"] for raw in d] for part, d in read_archive(tmp_path / "b.tar.gz")}
    assert found == {"jobs": [], "batches": [3]}


def test_only_its_owner_can_read_it_and_nothing_else_is_left(archive: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in archive.parent.iterdir()] == ["b.tar.gz"]


def test_a_backup_never_replaces_another_and_one_that_fails_leaves_nothing(archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(NotAllowed, match="exists"):
        write(archive, {"jobs": []})
    assert archive.read_bytes() == before

    def broken(give: Write) -> None:
        give("jobs", [])
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_archive(archive.with_name("c.tar.gz"), broken, version="1", clock=lambda: NOW)
    assert [path.name for path in archive.parent.iterdir()] == ["b.tar.gz"]


Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, content: bytes, **fields: Any) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def repacked(path: Path, change: Callable[[list[Entry]], Iterable[Entry]]) -> Path:
    with tarfile.open(path) as tar:
        entries = [(info, (tar.extractfile(info) or io.BytesIO()).read()) for info in tar]
    with tarfile.open(path, "w:gz") as tar:
        for info, content in change(entries):
            tar.addfile(info, io.BytesIO(content))
    return path


def with_manifest(change: Callable[[dict[str, Any]], Any]) -> Callable[[list[Entry]], Iterable[Entry]]:
    def apply(entries: list[Entry]) -> Iterable[Entry]:
        manifest = json.loads(entries[0][1])
        changed = change(manifest)
        return [entry("manifest.json", json.dumps(manifest if changed is None else changed).encode()), *entries[1:]]

    return apply


def named(name: str) -> Callable[[list[Entry]], Iterable[Entry]]:
    """Both manifest and file call the first part so."""

    def apply(entries: list[Entry]) -> Iterable[Entry]:
        head, first, *others = with_manifest(lambda m: m["parts"][0].update(name=name))(entries)
        return [head, entry(f"{name}.bson", first[1]), *others]

    return apply


def link(entries: list[Entry]) -> Iterable[Entry]:
    linked = entry(entries[1][0].name, b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    return [entries[0], linked, *entries[2:]]


def flipped(entries: list[Entry]) -> Iterable[Entry]:
    content = bytearray(entries[1][1])
    content[-3] ^= 1
    return [entries[0], entry(entries[1][0].name, bytes(content)), *entries[2:]]


HOSTILE = [
    pytest.param(lambda entries: entries[1:], "does not begin with", id="no manifest"),
    pytest.param(lambda entries: [entry("manifest.json", b"{"), *entries[1:]], "cannot be read", id="no JSON"),
    pytest.param(with_manifest(lambda m: [m]), "cannot be read", id="a list"),
    pytest.param(with_manifest(lambda m: m.update(format=99)), "format 99", id="a later format"),
    pytest.param(with_manifest(lambda m: m.update(begun_at="2026-11-25T15:00:00")), "has no zone", id="no zone"),
    pytest.param(with_manifest(lambda m: m["parts"][0].update(documents=-1)), "cannot be read", id="a negative count"),
    pytest.param(with_manifest(lambda m: m["parts"][0].update(documents=9)), "holds 2 documents", id="a wrong count"),
    pytest.param(with_manifest(lambda m: m["parts"][0].update(more=1)), "cannot be read", id="a part with more"),
    pytest.param(with_manifest(lambda m: m["parts"].append(m["parts"][0])), "a part twice", id="a part twice"),
    pytest.param(named("../../etc/passwd"), "a part is called", id="a path"),
    pytest.param(named("+../x"), "a part is called", id="a path behind a plus"),
    pytest.param(named("+system.users"), "a part is called", id="the server's own collection"),
    pytest.param(link, "is missing", id="a link"),
    pytest.param(lambda entries: [entries[0], entry("../x.bson", entries[1][1])], "is missing", id="another name"),
    pytest.param(lambda entries: entries[:-1], "is missing", id="a part missing"),
    pytest.param(lambda entries: [*entries, entry("more.bson", b"")], "holds more", id="a part too many"),
    pytest.param(flipped, "not what was written", id="one bit"),
]


@pytest.mark.parametrize(("change", "words"), HOSTILE)
def test_an_archive_that_was_tampered_with_is_refused(
    archive: Path, change: Callable[[list[Entry]], Iterable[Entry]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check_archive(repacked(archive, change))


def test_an_archive_that_was_cut_anywhere_is_refused(archive: Path) -> None:
    whole = archive.read_bytes()
    for length in range(0, len(whole) - 20, 37):
        archive.write_bytes(whole[:length])
        with pytest.raises(InputError):
            check_archive(archive)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a backup", gzip.compress(b"neither"), b"\x1f\x8b\x08\x00broken"],
    ids=["empty", "text", "gz", "bad gz"],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.tar\.gz"):
        check_archive(path)
    with pytest.raises(InputError, match="is not there"):
        check_archive(tmp_path / "y.tar.gz")


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xff\xff\x7f" + b"\x00" * 60,
        b"\xff\xff\xff\xff" + b"\x00" * 60,
        b"\x00\x00\x00\x00" + b"\x00" * 60,
        bson.encode({"_id": 1})[:-1] + b"\x01",
        b"\x0a\x00\x00\x00\x99\x99\x99\x99\x99\x00",
        bson.encode({"a": 1}),
        bson.encode({"_id": 1}) + b"\x05",
    ],
    ids=["too long", "negative", "nothing", "no end", "no BSON", "no _id", "more bytes"],
)
def test_documents_that_are_none_are_refused(tmp_path: Path, raw: bytes) -> None:
    write_archive(tmp_path / "b", lambda give: give("jobs", [raw]), version="1", clock=lambda: NOW)
    with pytest.raises(InputError):
        check_archive(tmp_path / "b")
