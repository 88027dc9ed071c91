"""A file of contacts becomes clean contacts and rejected rows.

`ingest_file` is the way in; `write_rejects` gives the operator the rejected rows to correct and send again. No
database, no network: what comes out is written by `operation`'s callers.
"""

from __future__ import annotations

from speechai.operation.ingest.filetype import file_sha256
from speechai.operation.ingest.model import (
    Contact,
    Counts,
    Fault,
    IngestSpec,
    Limits,
    Meaning,
    Progress,
    RejectedRow,
)
from speechai.operation.ingest.reasons import Reason, explain
from speechai.operation.ingest.rejects import write_rejects
from speechai.operation.ingest.run import Ingested, ingest_file

__all__ = [
    "Contact",
    "Counts",
    "Fault",
    "IngestSpec",
    "Ingested",
    "Limits",
    "Meaning",
    "Progress",
    "Reason",
    "RejectedRow",
    "explain",
    "file_sha256",
    "ingest_file",
    "write_rejects",
]
