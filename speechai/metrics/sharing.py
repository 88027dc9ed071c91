"""Where the counts of all processes of a host meet: a folder with a pair of files for each.

The files are prometheus_client's (multi-process mode, memory-mapped), but named by a seat and not by a process id. A
process holds its seat by a lock and whoever comes after a dead one takes the free seat and counts on from its figures:
a total never falls, which Prometheus would read as a restart, and there are never more files than processes at the
same time, however many die. A fork takes a seat of its own at its first count.

Space is written out when a seat is taken. A memory-mapped file that has holes would end its process with SIGBUS on the
day the disk is full; here the seat cannot be had then, and the process counts for itself.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import structlog
from prometheus_client import values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from speechai.metrics.events import FAULTS, OWN

log = structlog.get_logger(__name__)

FOLDER = "metrics"
"""Within the data folder."""
MOST_SEATS = 1_000
"""Far above the processes of one host; without a bound a folder without locks would be searched for ever."""
FILE_BYTES = 256 * 1024
"""About a thousand series; a file that needs more grows by itself."""
KINDS = ("counter", "histogram")
_folder: Path | None = None


def share_counts(data_dir: Path) -> bool:
    """From now on the counts of this process and of its forks are kept in a folder of `data_dir`, made if missing.

    To be called before anything is counted, and once. False, with a warning, where the folder cannot be used.
    """
    global _folder
    folder = data_dir.absolute() / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        seat = _Seat(folder)
        kept_in_files = values.MultiProcessValue(process_identifier=seat.name)
    except OSError as error:
        log.warning("this process counts for itself", action="metrics", folder=str(folder), why=str(error))
        return False
    # Each series asks for this class when it is made. All have labels, so none was made when the module was imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where it looks for the files
    values.ValueClass = kept_in_files
    _folder = folder
    return True


def counts_of_all() -> Collector:
    """The counts of every process that shares this one's folder; of this process alone where it shares none."""
    return OWN if _folder is None else _Shared(_folder)


class _Seat:
    """The number under which this process counts, held by a lock for as long as it lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: IO[str] | None = None
        self._pid = 0
        self._name = ""

    def name(self) -> str:
        """The seat's name; a process that was forked takes another one. Raises OSError where none can be had."""
        if self._pid != os.getpid():
            self._pid, self._name = os.getpid(), ""
            if self._lock is not None:
                self._lock.close()  # inherited: while it is open here, the parent's seat would outlive the parent
            self._lock, self._name = self._take()
        if not self._name:
            raise OSError("no seat could be had")
        return self._name

    def _take(self) -> tuple[IO[str], str]:
        for number in range(MOST_SEATS):
            lock = (self._folder / f"seat-{number}.lock").open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for kind in KINDS:
                    _make_room(self._folder / f"{kind}_{number}.db")
            except BlockingIOError:
                lock.close()
            except OSError:
                lock.close()
                raise
            else:
                return lock, str(number)
        raise OSError(f"all {MOST_SEATS} seats are taken")


def _make_room(path: Path) -> None:
    """The file with its whole space on the disk; one that cannot be read is begun anew."""
    if not _is_readable(path):
        log.warning("counts that cannot be read were begun anew", action="metrics", file=path.name)
        path.unlink(missing_ok=True)
    with path.open("ab") as file:
        missing = FILE_BYTES - os.fstat(file.fileno()).st_size
        if missing > 0:
            file.write(bytes(missing))


def _is_readable(path: Path) -> bool:
    """Whether a file holds counts, or is empty or missing."""
    try:
        size = path.stat().st_size
        if size:
            with path.open("rb") as file:
                used: int = struct.unpack("i", file.read(4))[0]
            for key, *_ in MmapedDict.read_all_values_from_file(str(path)) if used else ():
                json.loads(key)
            return 0 <= used <= size  # beyond it the library would write where there is no file
    except FileNotFoundError:
        return True
    except FAULTS:
        return False
    return True


class _Shared(Collector):
    """The sum over all files, without those that cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        files = sorted(self._folder.glob("*.db"))
        try:
            merged: Any = MultiProcessCollector.merge([str(file) for file in files])
        except FAULTS:
            merged = MultiProcessCollector.merge(
                [str(file) for file in files if file.stat().st_size and _is_readable(file)]
            )
        return list(merged)
