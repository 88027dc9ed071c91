"""A file of contacts becomes clean contacts and rejected rows, every row accounted for.

Called by the operator's command (dry run) and by the worker that enqueues a batch; it touches no database and no
network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import country_code_for_region

from speechai.errors import ConfigurationError, InputError
from speechai.operation.ingest.aliases import load_aliases
from speechai.operation.ingest.columns import Layout, find_layout
from speechai.operation.ingest.contacts import RowReader, is_blank
from speechai.operation.ingest.merging import Headers, Tally, contact_of, merge
from speechai.operation.ingest.model import Cell, Contact, Counts, IngestSpec, Meaning, Progress, RejectedRow
from speechai.operation.ingest.reading import Source, open_source
from speechai.operation.ingest.staging import Staging

_PROGRESS_ROWS = 500


class Ingested:
    """What a file gave. Iterates as often as wanted until closed; close it, or use it in a `with`.

    `layout` says which sheet and columns were taken, `header` names the columns of rejected rows' cells, `warnings`
    counts what was accepted with a remark, by code.
    """

    def __init__(
        self, *, staging: Staging, layout: Layout, counts: Counts, warnings: dict[str, int], currency: str
    ) -> None:
        self._staging = staging
        self._currency = currency
        self.layout = layout
        self.header = layout.header
        self.counts = counts
        self.warnings = warnings

    def contacts(self) -> Iterator[Contact]:
        """One contact a person, in the order in which they first appear in the sheet."""
        return (contact_of(person, rows, self._currency) for person, rows in self._staging.contacts())

    def rejected(self) -> Iterator[RejectedRow]:
        """The rows that became nothing, in the order of the sheet."""
        return self._staging.rejected()

    def close(self) -> None:
        """Drop the temporary data. Harmless twice."""
        self._staging.close()

    def __enter__(self) -> Ingested:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def ingest_file(
    path: Path, *, spec: IngestSpec, now: datetime, progress: Callable[[Progress], None] | None = None
) -> Ingested:
    """Read a workbook or CSV whole.

    `now` (aware) gives, in the time zone of `spec`, the day from which days overdue count where no column tells them.
    `progress` is called every 500 rows and at the end of each phase. The same file gives the same result each time.

    Raises:
        InputError: the file cannot be used (see `filetype`, `columns`), has no rows, or has too many.
        UsageError: the mapping is wrong. ConfigurationError: unknown time zone, country or currency.
    """
    try:
        today = now.astimezone(ZoneInfo(spec.time_zone)).date()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"time zone {spec.time_zone!r} is not known; write it as America/Santiago") from error
    for country in (spec.country, *spec.allowed_phone_countries):
        if not country_code_for_region(country):
            raise ConfigurationError(f"country {country!r} is not known; write two letters, as CL or AR")
    report = progress or _silent
    staging = Staging()
    try:
        with open_source(path, spec.limits) as source:
            layout = find_layout(source, spec, load_aliases())
            read = _read_rows(source, layout, RowReader(layout, spec, today), spec, staging, report)
        if read.rows == 0:
            raise InputError(f"{path.name} has no contact below its header in row {layout.header_row}.")
        tally = _merge(staging, layout, spec, report)
    except BaseException:  # whatever happens, an operator's Ctrl-C included, the temporary data goes
        staging.close()
        raise
    return Ingested(
        staging=staging,
        layout=layout,
        counts=Counts(
            rows=read.rows,
            accepted=tally.accepted,
            merged=tally.merged,
            duplicate=tally.duplicate,
            rejected=read.rejected + tally.rejected,
            blank=read.blank,
            contacts=tally.accepted,
        ),
        warnings=dict(read.warnings + tally.warnings),
        currency=spec.currency,
    )


@dataclass(slots=True)
class _Read:
    """What reading found: rows with anything in them, and blank ones between (those after the last do not count)."""

    rows: int = 0
    blank: int = 0
    rejected: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


def _read_rows(
    source: Source,
    layout: Layout,
    reader: RowReader,
    spec: IngestSpec,
    staging: Staging,
    report: Callable[[Progress], None],
) -> _Read:
    keep_cells = Meaning.TITLE_ID in layout.columns
    hint = layout.sheet.rows_hint
    total = max(hint - layout.header_row, 1) if hint else None
    read = _Read()
    pending_blank = 0
    for number, cells in _below_header(source, layout):
        if is_blank(cells):
            pending_blank += 1
            continue
        read.blank, pending_blank = read.blank + pending_blank, 0
        read.rows += 1
        if read.rows > spec.limits.rows:
            raise InputError(f"{source.path.name} has more than {spec.limits.rows} rows of contacts. Split it.")
        result = reader.read(number, cells)
        if isinstance(result, RejectedRow):
            staging.reject(result)
            read.rejected += 1
        else:
            staging.add(result, cells if keep_cells else None)
            if result.warnings:
                read.warnings.update(w.reason.value for w in result.warnings)
        if read.rows % _PROGRESS_ROWS == 0:
            report(Progress(phase="reading", rows=read.rows, total=max(total, read.rows) if total else None))
    report(Progress(phase="reading", rows=read.rows, total=read.rows))
    return read


def _below_header(source: Source, layout: Layout) -> Iterator[tuple[int, Sequence[Cell]]]:
    for number, cells in enumerate(source.rows(layout.sheet), start=1):
        if number > layout.header_row:
            yield number, cells


def _merge(staging: Staging, layout: Layout, spec: IngestSpec, report: Callable[[Progress], None]) -> Tally:
    def on_progress(done: int, expected: int) -> None:
        if done % _PROGRESS_ROWS == 0 or done == expected:
            report(Progress(phase="merging", rows=done, total=expected))

    headers = Headers(
        title=_column(layout, Meaning.TITLE_ID),
        name=_column(layout, Meaning.NAME),
        phone=_column(layout, Meaning.PHONE),
    )
    return merge(staging, headers, most_phones=spec.limits.phones, on_progress=on_progress)


def _column(layout: Layout, meaning: Meaning) -> str:
    places = layout.columns.get(meaning)
    return layout.header[places[0]] if places else meaning.value


def _silent(_: Progress) -> None:
    return
