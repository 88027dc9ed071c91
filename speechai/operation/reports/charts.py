"""The charts of the workbook, drawn by the spreadsheet from the cells beside them.

Enters a table that stands on a sheet, leaves a chart for `Sheet.add_chart`. Colours are of one palette that stays
apart in print and for most who see colours differently. Called by `workbook`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.chart.axis import ChartLines
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.series_factory import SeriesFactory
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.text import RichText, Text
from openpyxl.chart.title import Title
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.text import CharacterProperties, Paragraph, RegularTextRun

from speechai.operation.reports.sheet import Placed

BLUE, ORANGE, GREEN, GREY = "2F6DA8", "E08A1E", "3E9B6B", "A8B3BF"
_INK = "1F2933"
_WIDTH_CM: Final = 17
_HEIGHT_CM: Final = 9
_MOST_BATCHES: Final = 20
_TITLE_SIZE: Final = 1200
"""Hundredths of a point."""


def calls_and_rate(placed: Placed) -> Any:
    """Attempts and contacts as columns, the contact rate as a line on its own axis."""
    columns = _bars(placed, {"Attempts": GREY, "Contacts": BLUE})
    line = LineChart()
    rate = _series(placed, "Contact rate", ORANGE)
    rate.graphicalProperties = GraphicalProperties(ln=LineProperties(solidFill=ORANGE, w=28_575))
    rate.marker.symbol = "circle"
    rate.marker.graphicalProperties = GraphicalProperties(solidFill=ORANGE)
    rate.smooth = False
    line.series.append(rate)
    line.y_axis.axId = 200
    line.y_axis.crosses = "max"
    line.y_axis.majorGridlines = None
    line.y_axis.scaling.min = 0
    line.y_axis.number_format = "0%"
    line.y_axis.delete = False
    columns += line
    return columns


def rates(placed: Placed) -> Any:
    """Contact rate and success rate beside each other."""
    return _in_percent(_bars(placed, {"Contact rate": BLUE, "Success rate": GREEN}))


def states(placed: Placed) -> Any:
    """Contacts by state."""
    return _labelled(_lying(_bars(placed, {"Contacts": BLUE})))


def outcomes(placed: Placed) -> Any:
    """Calls by outcome."""
    return _labelled(_lying(_bars(placed, {"Calls": BLUE})))


def batches(placed: Placed) -> Any:
    """Share of done contacts by batch, the newest only: more would not be readable."""
    placed = replace(placed, rows=min(placed.rows, _MOST_BATCHES))
    return _in_percent(_lying(_bars(placed, {"Done rate": GREEN})))


def attempts(placed: Placed) -> Any:
    """What became of contacts by number of attempts, stacked."""
    chart = _bars(placed, {"Done": GREEN, "Closed without success": ORANGE, "Open": GREY})
    chart.grouping = "stacked"
    chart.overlap = 100
    return chart


def products(placed: Placed) -> Any:
    """Cost by product."""
    chart = _lying(_bars(placed, {"Cost": BLUE}))
    chart.y_axis.number_format = '"USD "#,##0.00'
    return chart


def _bars(placed: Placed, colours: dict[str, str]) -> BarChart:
    chart = BarChart()
    chart.type = "col"
    chart.title = _title(str(placed.table.label))
    chart.width = _WIDTH_CM
    chart.height = _HEIGHT_CM
    chart.gapWidth = 60
    for name, colour in colours.items():
        chart.series.append(_series(placed, name, colour))
    names = Reference(placed.worksheet, min_col=1, min_row=placed.head_row + 1, max_row=placed.head_row + placed.rows)
    chart.set_categories(names)
    for axis in (chart.x_axis, chart.y_axis):
        axis.delete = False  # openpyxl's default hides the axes in newer spreadsheets
    chart.y_axis.scaling.min = 0
    chart.y_axis.majorGridlines = ChartLines(spPr=GraphicalProperties(ln=LineProperties(solidFill="E1E6EB")))
    chart.x_axis.number_format = "General"
    chart.legend.position = "b"
    if len(colours) == 1:
        chart.legend = None
    return chart


def _title(text: str) -> Title:
    run = RegularTextRun(rPr=CharacterProperties(sz=_TITLE_SIZE, b=True, solidFill=_INK), t=text)
    return Title(tx=Text(rich=RichText(p=[Paragraph(r=[run])])), overlay=False)


def _series(placed: Placed, name: str, colour: str) -> Any:
    index, column = next((i, c) for i, c in enumerate(placed.table.columns) if c.label.en == name)
    values = Reference(
        placed.worksheet, min_col=index + 1, min_row=placed.head_row + 1, max_row=placed.head_row + placed.rows
    )
    series = SeriesFactory(values, title=str(column.label))
    series.graphicalProperties = GraphicalProperties(solidFill=colour)
    return series


def _lying(chart: BarChart) -> BarChart:
    chart.type = "bar"
    chart.x_axis.scaling.orientation = "maxMin"  # the first row of the table stands on top,
    chart.y_axis.crosses = "max"  # and the figures of the axis at the bottom all the same
    return chart


def _labelled(chart: BarChart) -> BarChart:
    chart.dataLabels = DataLabelList(showVal=True, showSerName=False, showCatName=False, showLegendKey=False)
    return chart


def _in_percent(chart: BarChart) -> BarChart:
    chart.y_axis.number_format = "0%"
    return chart
