"""Reports on batches: built from the database as plain values, shown in the terminal, as a workbook, Markdown or JSON.

report = build_report(store, batch_id=None, now=now, zone=zone)
print_report(report, console)
path.write_bytes(render(report, ReportFormat.EXCEL))
"""

from __future__ import annotations

from speechai.operation.reports.as_json import to_json
from speechai.operation.reports.build import build_report
from speechai.operation.reports.markdown import to_markdown
from speechai.operation.reports.model import Report
from speechai.operation.reports.rendering import ReportFormat, render
from speechai.operation.reports.terminal import print_report

__all__ = ["Report", "ReportFormat", "build_report", "print_report", "render", "to_json", "to_markdown"]
