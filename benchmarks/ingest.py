"""Rows ingested a second, file to database, against bare pandas + insert_many on the same 100,000 rows.

Each side runs in a process of its own, so that its peak memory is its own. The product checks ids, phones, amounts and
dates, merges people, and writes people, jobs and rejected rows; the floor reads the sheet and writes what it read.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import servers

ROWS = int(os.environ.get("BENCH_ROWS", "100000"))


def main() -> None:
    with servers() as environ, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cartera.xlsx"
        write_sample(path, ROWS)
        print(f"{ROWS:,} rows, 5 columns, {path.stat().st_size / 1024**2:.1f} MiB")
        results = {side: run(side, path, environ) for side in ("floor", "product")}
    for side, result in results.items():
        print(
            f"{side:8} {result['rows'] / result['seconds']:8.0f} rows/s  {result['seconds']:6.1f} s  "
            f"peak memory {result['peak_mib']:.0f} MiB  {result['note']}"
        )
    print(f"ratio to the floor: {results['floor']['seconds'] / results['product']['seconds']:.2f}")


def write_sample(path: Path, rows: int) -> None:
    """Contacts with valid ids and phones, one in fifty rows a second title of an earlier person."""
    from openpyxl import Workbook
    from stdnum.cl import rut

    chance = random.Random(20261122)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Cartera")
    sheet.append(["RUT", "NOMBRE", "TELEFONO", "MONTO", "FECHA_VENC"])
    for number in range(rows):
        person = number if number % 50 else number // 2
        digits = str(5_000_000 + person)
        sheet.append(
            [
                f"{digits}-{rut.calc_check_digit(digits)}",
                f"Persona Número {person}",
                f"+569{50_000_000 + person}",
                chance.randrange(10_000, 900_000),
                "2026-10-31",
            ]
        )
    book.save(path)


def run(side: str, path: Path, environ: dict[str, str]) -> dict[str, float]:
    """One side in its own process."""
    command = [sys.executable, "-m", "benchmarks.ingest", side, str(path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def floor(path: Path) -> tuple[int, str]:
    import pandas
    from pymongo import MongoClient

    frame = pandas.read_excel(path)
    database = MongoClient(os.environ["MONGO_URI"])[os.environ["MONGO_DB"]]
    database["floor_rows"].insert_many(frame.to_dict("records"))
    return len(frame), ""


def product(path: Path) -> tuple[int, str]:
    from config.settings import get_settings
    from speechai.core.model import Pacing
    from speechai.operation.context import open_context
    from speechai.operation.loading import load_batch
    from speechai.operation.submitting import Order, submit
    from speechai.store.batches import get_batch_document
    from speechai.store.indexes import create_indexes

    os.environ.update(RETELL_BASE_URL="http://127.0.0.1:1", LOG_LEVEL="ERROR")
    context = open_context(get_settings())
    create_indexes(context.store)
    batch_id = submit(context, path, Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS)).batch_id
    load_batch(context, batch_id)
    counts = (get_batch_document(context.store, batch_id) or {})["counts"]
    return counts["rows"], f"{counts['contacts']:,} contacts, {counts['merged']:,} rows merged"


if __name__ == "__main__":
    started = time.monotonic()
    read, note = {"floor": floor, "product": product}[sys.argv[1]](Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": read, "seconds": time.monotonic() - started, "peak_mib": peak, "note": note}))
