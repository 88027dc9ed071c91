"""One entry for every form of a report: bytes that can be saved, mailed or answered over HTTP.

Enters a `Report` and a `ReportFormat`. The command prints to its own console with `print_report` instead.
"""

from __future__ import annotations

import io
import json
from enum import StrEnum

from rich.console import Console

from speechai.operation.reports.as_json import to_json
from speechai.operation.reports.markdown import to_markdown
from speechai.operation.reports.model import Report
from speechai.operation.reports.terminal import print_report


class ReportFormat(StrEnum):
    """In which form a report is wanted."""

    TERMINAL = "terminal"
    EXCEL = "excel"
    MARKDOWN = "markdown"
    JSON = "json"

    @property
    def suffix(self) -> str:
        """How the name of a file of this form ends."""
        return {"terminal": ".txt", "excel": ".xlsx", "markdown": ".md", "json": ".json"}[self.value]


def render(report: Report, form: ReportFormat, *, width: int = 100) -> bytes:
    """The report in one form; texts are UTF-8. `width`: characters of a line in the terminal's form."""
    if form is ReportFormat.EXCEL:
        from speechai.operation.reports.workbook import write_workbook  # openpyxl is 20 MiB that a worker may not need

        stream = io.BytesIO()
        write_workbook(report, stream)
        return stream.getvalue()
    if form is ReportFormat.MARKDOWN:
        return to_markdown(report).encode()
    if form is ReportFormat.JSON:
        return json.dumps(to_json(report), ensure_ascii=False, indent=2).encode()
    text = io.StringIO()
    print_report(report, Console(file=text, width=width, force_terminal=False, no_color=True))
    return text.getvalue().encode()
