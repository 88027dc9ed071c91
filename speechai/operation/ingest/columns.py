"""Sheets of rows become a layout: which sheet, which row is the header, and what each column means.

The header need not be in the first row nor on the first sheet; the operator's own mapping wins over the catalogue's
aliases. Called by `run.ingest_file`, which then reads the rows below the header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from speechai.errors import InputError, UsageError
from speechai.operation.ingest.aliases import OWN_PREFIX, SEVERAL, Aliases
from speechai.operation.ingest.model import Cell, IngestSpec, Meaning, cell_text
from speechai.operation.ingest.reading import Sheet, Source
from speechai.operation.ingest.text import compact, snake

_HEADER_SEARCH_ROWS = 30
_DATA_DIGITS = 6
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the contacts are and what the columns mean. Columns are positions from 0 on, rows as Excel shows them."""

    sheet: Sheet
    header_row: int
    header: tuple[str, ...]
    columns: dict[Meaning, tuple[int, ...]]
    variables: dict[int, str]
    """Position to the variable's name, of every column without a meaning."""

    def described(self) -> dict[str, list[str]]:
        """Meaning to the headers taken for it, for the operator to check before anything is written."""
        return {meaning.value: [self.header[i] for i in places] for meaning, places in self.columns.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    sheet: Sheet
    row: int
    header: tuple[str, ...]
    score: tuple[int, int]
    filled: bool
    """Whether anything stands below."""


def find_layout(source: Source, spec: IngestSpec, aliases: Aliases) -> Layout:
    """Choose sheet and header, and give each column its meaning.

    Raises:
        UsageError: the mapping names a meaning that does not exist.
        InputError: there is no such sheet or mapped column, no known column, two sheets or two columns that claim the
            same, or a required column is missing.
    """
    mapping = read_mapping(spec.mapping)
    candidates = [
        c for sheet in _sheets(source, spec.sheet) if (c := _best_header(source, sheet, spec, mapping, aliases))
    ]
    chosen = _choose(source, candidates, spec, aliases)
    if len(chosen.header) > spec.limits.columns:
        raise InputError(
            f"{source.path.name} has {len(chosen.header)} columns; at most {spec.limits.columns} are read."
        )
    columns = _assign(chosen.header, mapping, aliases, source.path.name)
    missing = [m for m in sorted(spec.required | {Meaning.PHONE}) if m not in columns]
    if missing:
        raise InputError(_missing_message(source.path.name, chosen, missing, aliases))
    taken = {place for places in columns.values() for place in places}
    return Layout(
        sheet=chosen.sheet,
        header_row=chosen.row,
        header=chosen.header,
        columns=columns,
        variables=_variable_names(chosen.header, taken),
    )


def read_mapping(mapping: Mapping[str, Sequence[str]]) -> dict[Meaning, tuple[str, ...]]:
    """The operator's mapping with its meanings checked. Raises UsageError on an unknown one or two columns for one."""
    checked: dict[Meaning, tuple[str, ...]] = {}
    for name, columns in mapping.items():
        if name not in set(Meaning):
            raise UsageError(f"--map: there is no meaning {name!r}; the meanings are {', '.join(Meaning)}.")
        meaning = Meaning(name)
        if not columns:
            raise UsageError(f"--map: {name} names no column.")
        if len(columns) > 1 and meaning not in SEVERAL:
            raise UsageError(f"--map: {name} takes one column, not {len(columns)} ({', '.join(columns)}).")
        checked[meaning] = tuple(columns)
    return checked


def _sheets(source: Source, wanted: str | None) -> list[Sheet]:
    if wanted is None:
        return [s for s in source.sheets if s.visible]
    if len(source.sheets) == 1 and not source.sheets[0].name:
        raise InputError(f"{source.path.name} is a CSV file and has no sheet {wanted!r}; leave --sheet out.")
    found = [s for s in source.sheets if compact(s.name) == compact(wanted)]
    exact = [s for s in found if s.name == wanted]
    if not found:
        names = ", ".join(s.name for s in source.sheets)
        raise InputError(f"{source.path.name} has no sheet {wanted!r}; it has: {names}.")
    return exact or found[:1]


def _best_header(
    source: Source, sheet: Sheet, spec: IngestSpec, mapping: dict[Meaning, tuple[str, ...]], aliases: Aliases
) -> _Candidate | None:
    """The row among the first thirty whose cells name the most meanings; None for an empty sheet."""
    rows = list(islice(source.rows(sheet), _HEADER_SEARCH_ROWS + 1))
    best: _Candidate | None = None
    for number, cells in enumerate(rows[:_HEADER_SEARCH_ROWS], start=1):
        header = _as_header(cells)
        if not header:
            continue
        found = _meanings(header, mapping, aliases)
        needed = spec.required | {Meaning.PHONE}
        score = (len(found & needed), len(found))
        if best is None or score > best.score:
            filled = any(cell_text(c) for row in rows[number:] for c in row)
            best = _Candidate(sheet=sheet, row=number, header=header, score=score, filled=filled)
    return best


def _as_header(cells: Sequence[Cell]) -> tuple[str, ...]:
    texts = [" ".join(cell_text(c).split()) for c in cells]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def _meanings(header: tuple[str, ...], mapping: dict[Meaning, tuple[str, ...]], aliases: Aliases) -> set[Meaning]:
    plain = {compact(h) for h in header}
    found = {m for m, columns in mapping.items() if any(compact(c) in plain for c in columns)}
    return found | {claim.meaning for h in header if (claim := aliases.claim(h))}


def _choose(source: Source, candidates: list[_Candidate], spec: IngestSpec, aliases: Aliases) -> _Candidate:
    name = source.path.name
    if not candidates:
        raise InputError(f"{name} has no visible sheet with anything in it.")
    best = max(candidates, key=lambda c: (c.score, c.filled))
    if best.score == (0, 0):
        raise InputError(_missing_message(name, best, sorted(spec.required | {Meaning.PHONE}), aliases))
    equal = [c for c in candidates if c.score == best.score and c.filled]
    if len(equal) > 1:
        names = " and ".join(repr(c.sheet.name) for c in equal)
        raise InputError(f"{name}: the sheets {names} all look like lists of contacts. Choose one with --sheet.")
    if not best.filled:
        raise InputError(f"{name} has a header in row {best.row} but no contact below it.")
    return best


def _assign(
    header: tuple[str, ...], mapping: dict[Meaning, tuple[str, ...]], aliases: Aliases, name: str
) -> dict[Meaning, tuple[int, ...]]:
    columns = {meaning: tuple(_place(header, c, meaning, name) for c in wanted) for meaning, wanted in mapping.items()}
    mapped = {place for places in columns.values() for place in places}
    claims: dict[Meaning, list[tuple[int, int]]] = {}
    for place, text in enumerate(header):
        claim = None if place in mapped else aliases.claim(text)
        if claim is not None and claim.meaning not in columns:
            claims.setdefault(claim.meaning, []).append((claim.rank, place))
    for meaning, found in claims.items():
        ranked = sorted(found)
        if meaning in SEVERAL:
            columns[meaning] = tuple(place for _, place in ranked)
            continue
        strongest = [place for rank, place in ranked if rank == ranked[0][0]]
        if len(strongest) > 1:
            both = " and ".join(f"{header[p]!r} (column {_letter(p)})" for p in strongest)
            raise InputError(
                f"{name}: the columns {both} could all be the {meaning}. "
                f"Choose with --map {meaning}={header[strongest[0]]!r}, or rename one."
            )
        columns[meaning] = (strongest[0],)
    return columns


def _place(header: tuple[str, ...], wanted: str, meaning: Meaning, name: str) -> int:
    places = [i for i, h in enumerate(header) if h == wanted] or [
        i for i, h in enumerate(header) if compact(h) and compact(h) == compact(wanted)
    ]
    if len(places) == 1:
        return places[0]
    if places:
        where = " and ".join(_letter(p) for p in places)
        raise InputError(f"{name}: --map {meaning}: the column {wanted!r} stands twice ({where}). Rename one.")
    near = _near(wanted, header)
    hint = f" Did you mean {near!r}?" if near else ""
    raise InputError(f"{name}: --map {meaning}: there is no column {wanted!r}.{hint} Found: {_listed(header)}.")


def _variable_names(header: tuple[str, ...], taken: set[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    used: set[str] = {m.value for m in Meaning}
    for place, text in enumerate(header):
        if place in taken or compact(text).startswith(OWN_PREFIX):
            continue
        base = snake(text) or f"column_{_letter(place).lower()}"
        name, count = base, 1
        while name in used:
            count += 1
            name = f"{base}_{count}"
        used.add(name)
        names[place] = name
    return names


def _missing_message(name: str, candidate: _Candidate, missing: Sequence[Meaning], aliases: Aliases) -> str:
    where = f"{name}, sheet {candidate.sheet.name!r}" if candidate.sheet.name else name
    parts = [f"{where}: no column was recognised as {', '.join(missing)}."]
    if any(sum(c.isdigit() for c in h) >= _DATA_DIGITS for h in candidate.header):
        parts.append(f"Row {candidate.row} looks like a contact and not like a header: put the column names above it.")
    parts.append(f"Found in row {candidate.row}: {_listed(candidate.header)}.")
    for meaning in missing:
        known = aliases.names(meaning)
        near = next(
            (h for h in candidate.header if aliases.claim(h) is None and get_close_matches(compact(h), known, 1, 0.75)),
            None,
        )
        if near:
            parts.append(f"Perhaps {near!r} is the {meaning}: --map {meaning}={near!r}.")
        else:
            parts.append(f"Name a column {' or '.join(known[:3])}, or say which one it is with --map {meaning}=COLUMN.")
    return " ".join(parts)


def _near(wanted: str, header: tuple[str, ...]) -> str | None:
    plain = {compact(h): h for h in header if h}
    found = get_close_matches(compact(wanted), list(plain), 1, 0.6)
    return plain[found[0]] if found else None


def _listed(header: tuple[str, ...]) -> str:
    """The headers, with digits hidden where there are so many that it may be a phone or an id."""
    shown = [_DIGIT.sub("*", h[:40]) if sum(c.isdigit() for c in h) >= _DATA_DIGITS else h[:40] for h in header if h]
    more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
    return (", ".join(shown[:20]) or "nothing") + more


def _letter(place: int) -> str:
    letters, rest = "", place + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(65 + digit) + letters
    return letters
