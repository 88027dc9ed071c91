"""What a run leaves in its folder, and the evidence read from it again: a verdict needs nothing that still runs.

Enters a site that has come to rest; leaves `database/*.json`, `deliveries.json`, `run.json` beside the journal and the
logs. `read` gives both back; a kept folder can be judged again years later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util
from bson.json_util import JSONMode, JSONOptions

from tests.flow.evidence import Evidence, evidence_of

from .verdict import Run

OPTIONS = JSONOptions(json_mode=JSONMode.RELAXED, tz_aware=True, tzinfo=UTC)


def keep(folder: Path, mongo_uri: str, database: str, deliveries: Iterable[Mapping[str, Any]], run: Run) -> None:
    """Writes the database, what the receiver got and the facts of the run."""
    (folder / "database").mkdir(exist_ok=True)
    with pymongo.MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        for name in client[database].list_collection_names():
            if not name.startswith("uploads."):
                documents = list(client[database][name].find())
                (folder / "database" / f"{name}.json").write_text(json_util.dumps(documents, json_options=OPTIONS))
    (folder / "deliveries.json").write_text(json.dumps(list(deliveries), indent=1))
    (folder / "run.json").write_text(json.dumps({**asdict(run), "kept_at": datetime.now(UTC).isoformat()}, indent=1))


def read(folder: Path) -> tuple[Evidence, Run]:
    """The evidence of a kept folder; its present is the moment at which it was kept."""
    facts = json.loads((folder / "run.json").read_text())
    now = datetime.fromisoformat(facts.pop("kept_at"))
    run = Run(**facts)

    def documents(name: str) -> list[dict[str, Any]]:
        path = folder / "database" / f"{name}.json"
        found: list[dict[str, Any]] = json_util.loads(path.read_text(), json_options=OPTIONS) if path.exists() else []
        return found

    evidence = evidence_of(calls_of(folder / "journal.jsonl"), documents, now)
    evidence.deliveries = json.loads((folder / "deliveries.json").read_text())
    return evidence, run


def calls_of(journal: Path) -> list[dict[str, Any]]:
    """Every call of the simulator's journal file, as its last line tells it."""
    calls: dict[str, dict[str, Any]] = {}
    for line in journal.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        calls[entry["call_id"]] = entry
    return list(calls.values())
