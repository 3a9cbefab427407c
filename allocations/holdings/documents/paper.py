"""Tables as CSV or PDF. Knows nothing of what is in them; the same tables give the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fpdf import FPDF
from fpdf.enums import Align, TableCellFillMode

TYPES = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}
_WIDE = 277  # millimeters between the margins of A4 across
_NARROW, _BROAD, _PADDING = 12, 70, 4  # of a column
_LOOKED_AT = 200  # rows that say how broad their columns are


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of texts; `numbers` are the columns that are set to the right."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Paper:
    """A document: a title, lines below it, tables."""

    title: str
    lines: Sequence[str]
    tables: Sequence[Table]
    at: datetime


def render(paper: Paper, kind: str) -> bytes:
    """The paper as `pdf` or `csv`."""
    return _pdf(paper) if kind == "pdf" else _csv(paper)


def _csv(paper: Paper) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_inert(paper.title)])
    writer.writerows([_inert(line)] for line in paper.lines)
    for table in paper.tables:
        writer.writerow([])
        writer.writerow([table.title])
        writer.writerow(table.names)
        writer.writerows([_inert(cell) for cell in row] for row in table.rows)
    return out.getvalue().encode()


def _inert(text: str) -> str:
    """A spreadsheet must not take a client's text for a formula; numbers stay numbers."""
    if text.startswith(("=", "+", "@", "\t", "\r")) or (
        text.startswith("-") and not _is_number(text)
    ):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).replace(",", "").isdigit()


def _pdf(paper: Paper) -> bytes:
    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_creation_date(paper.at.astimezone(UTC))  # one moment, one text, in whatever zone
    pdf.set_title(_latin(paper.title))
    pdf.set_auto_page_break(auto=True, margin=14)
    pdf.add_page()
    pdf.set_font("helvetica", "B", 15)
    pdf.cell(0, 9, _latin(paper.title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", size=9)
    for line in paper.lines:
        pdf.cell(0, 5, _latin(line), new_x="LMARGIN", new_y="NEXT")
    for table in paper.tables:
        _set(pdf, table)
    return bytes(pdf.output())


def _set(pdf: FPDF, table: Table) -> None:
    pdf.ln(4)
    pdf.set_font("helvetica", "B", 11)
    pdf.cell(0, 7, _latin(table.title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", size=8)
    if not table.rows:
        pdf.cell(0, 5, "None.", new_x="LMARGIN", new_y="NEXT")
        return
    aligns = [Align.R if n in table.numbers else Align.L for n in range(len(table.names))]
    with pdf.table(
        text_align=aligns,
        col_widths=_widths(pdf, table),
        width=_WIDE,
        line_height=5,
        borders_layout="HORIZONTAL_LINES",
        cell_fill_color=244,
        cell_fill_mode=TableCellFillMode.ROWS,
    ) as grid:
        for row in (table.names, *table.rows):
            grid.row([_latin(cell) for cell in row])


def _widths(pdf: FPDF, table: Table) -> tuple[float, ...]:
    """As much of the page for a column as its words ask for, so that numbers stay in one line."""
    columns = zip(table.names, *table.rows[:_LOOKED_AT], strict=True)
    widest = [max(pdf.get_string_width(_latin(cell)) for cell in column) for column in columns]
    asked = [min(max(one, _NARROW), _BROAD) + _PADDING for one in widest]
    return tuple(_WIDE * one / sum(asked) for one in asked)


def _latin(text: str) -> str:
    """The built-in fonts know Latin-1 alone; what they lack becomes a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")
