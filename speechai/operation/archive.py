"""A backup as one file: a gzipped tar of a manifest and one BSON file a collection, written and read as streams.

Enters parts of documents, or a path; leaves a file that appears whole or not at all, or the parts again. Nothing of an
archive is ever unpacked into a folder, and its names are compared with those of its manifest: a path in it leads
nowhere. A digest a part finds damage; who wrote an archive it cannot tell: keep backups where only operators can write.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from speechai.errors import InputError, NotAllowed
from speechai.store.backup import check_document, documents_in, is_part

FORMAT = 1
"""Grows where an older version could no longer read what is written."""
_MANIFEST = "manifest.json"
_LONGEST_MANIFEST = 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One collection: how many documents in how many bytes, and their SHA-256."""

    name: str
    documents: int
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """Its name in the archive."""
        return f"{self.name}.bson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive holds. Instants are aware UTC."""

    version: str
    """Of the product that wrote it."""
    begun_at: datetime
    """What happened before it is in the archive whole."""
    ended_at: datetime
    parts: tuple[Part, ...]
    """In the order in which they were read."""

    @property
    def digest(self) -> str:
        """Which backup it is."""
        return hashlib.sha256("".join(part.sha256 for part in self.parts).encode()).hexdigest()


Write = Callable[[str, Iterable[bytes]], None]
"""Takes one part: its name and its documents. A part that is given again replaces what was given before."""


def write_archive(
    target: Path, copy: Callable[[Write], None], *, version: str, clock: Callable[[], datetime]
) -> Manifest:
    """Lets `copy` give its parts and makes them the file `target`, readable by its owner alone.

    Needs room for the documents uncompressed beside `target` meanwhile. Raises NotAllowed where the file exists.
    """
    if target.exists():
        raise NotAllowed(f"{target} exists: a backup is not written over another")
    begun_at, parts = clock(), dict[str, Part]()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:

        def keep(name: str, documents: Iterable[bytes]) -> None:
            parts.pop(name, None)
            parts[name] = _spool(Path(folder, f"{name}.bson"), name, documents)

        copy(keep)
        manifest = Manifest(version=version, begun_at=begun_at, ended_at=clock(), parts=tuple(parts.values()))
        whole = Path(folder, "whole")
        _pack(whole, manifest, Path(folder))
        if target.exists():  # written meanwhile
            raise NotAllowed(f"{target} exists: a backup is not written over another")
        whole.rename(target)
    return manifest


def check_archive(path: Path) -> Manifest:
    """Reads all of it. Raises InputError for anything that is damaged, missing, too much or not ours."""
    with _opened(path) as (manifest, parts):
        for part, documents in parts:
            count = 0
            for raw in documents:
                check_document(raw)
                count += 1
            if count != part.documents:
                raise InputError(f"{path}: {part.file} holds {count} documents, its manifest says {part.documents}")
        return manifest


def read_archive(path: Path) -> Iterator[tuple[Part, Iterator[bytes]]]:
    """The parts in order, each with its documents, taken before the next. Raises InputError as `check_archive`."""
    with _opened(path) as (_, parts):
        yield from parts


def _spool(path: Path, name: str, documents: Iterable[bytes]) -> Part:
    digest, count, size = hashlib.sha256(), 0, 0
    with path.open("wb") as file:
        for raw in documents:
            file.write(raw)
            digest.update(raw)
            count, size = count + 1, size + len(raw)
    return Part(name=name, documents=count, size=size, sha256=digest.hexdigest())


def _pack(whole: Path, manifest: Manifest, folder: Path) -> None:
    written = {
        "format": FORMAT,
        **asdict(manifest),
        "begun_at": manifest.begun_at.isoformat(),
        "ended_at": manifest.ended_at.isoformat(),
    }
    head = json.dumps(written, indent=2).encode()
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            _add(tar, _MANIFEST, len(head), io.BytesIO(head))
            for part in manifest.parts:
                with (folder / part.file).open("rb") as documents:
                    _add(tar, part.file, part.size, documents)
                (folder / part.file).unlink()
        file.flush()
        os.fsync(file.fileno())


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    tar.addfile(entry, content)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Manifest, Iterator[tuple[Part, Iterator[bytes]]]]]:
    """The manifest and the parts; every fault of the container as InputError."""
    try:
        with tarfile.open(path, mode="r|gz") as tar:
            manifest = _manifest(path, tar)
            yield manifest, _parts(path, tar, manifest)
    except FileNotFoundError:
        raise InputError(f"{path} is not there") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder") from None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(f"{path} is damaged or no backup of SpeechAI: {error}") from None


def _manifest(path: Path, tar: tarfile.TarFile) -> Manifest:
    entry = tar.next()
    file = tar.extractfile(entry) if entry is not None and entry.isreg() else None
    if entry is None or file is None or entry.name != _MANIFEST or entry.size > _LONGEST_MANIFEST:
        raise InputError(f"{path} is no backup of SpeechAI: it does not begin with {_MANIFEST}")
    try:
        content = json.loads(file.read())
        if content["format"] != FORMAT:
            raise InputError(
                f"{path} has format {content['format']!r}, this version reads {FORMAT}: use the version that wrote it "
                f"({content.get('version')!r})"
            )
        manifest = Manifest(
            version=str(content["version"]),
            begun_at=_instant(content["begun_at"]),
            ended_at=_instant(content["ended_at"]),
            parts=tuple(_part(one) for one in content["parts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: its manifest cannot be read ({error})") from None
    if len({part.name for part in manifest.parts}) < len(manifest.parts):
        raise InputError(f"{path}: its manifest names a part twice")
    return manifest


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return at


def _part(written: dict[str, Any]) -> Part:
    part = Part(**written)
    counts = (part.documents, part.size)
    if not is_part(part.name) or not _DIGEST.fullmatch(part.sha256):
        raise ValueError(f"a part is called {part.name!r}")
    if any(type(count) is not int or count < 0 for count in counts):
        raise ValueError(f"part {part.name} has {counts}")
    return part


def _parts(path: Path, tar: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[Part, Iterator[bytes]]]:
    for part in manifest.parts:
        entry = tar.next()
        file = tar.extractfile(entry) if entry is not None and entry.isreg() else None
        if entry is None or file is None or entry.name != part.file or entry.size != part.size:
            raise InputError(f"{path} is damaged: {part.file} is missing, or not as its manifest says")
        digest = hashlib.sha256()
        yield part, _documents(file, part, digest)
        if digest.hexdigest() != part.sha256:
            raise InputError(f"{path} is damaged: {part.file} is not what was written")
    if tar.next() is not None:
        raise InputError(f"{path} holds more than its manifest says")


def _documents(file: IO[bytes], part: Part, digest: Any) -> Iterator[bytes]:
    for raw in documents_in(file.read, part.size):
        digest.update(raw)
        yield raw
