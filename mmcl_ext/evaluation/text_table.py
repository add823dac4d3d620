"""Tables as plain text and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.printable import printable


def format_table(rows: Sequence[Sequence[str]], gap: int = 2, headings: int = 1) -> str:
    """Align columns ``gap`` spaces apart; those of numbers below the headings go to the right."""
    cells = [[printable(cell) for cell in row] for row in rows]
    columns = [_align(column, headings) for column in zip(*cells, strict=True)]
    return '\n'.join((' ' * gap).join(cells).rstrip() for cells in zip(*columns, strict=True))


def write_csv(path: Path, heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table, which gets its name when it is complete; return its path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerows([heading, *rows])
    write_bytes(path, text.getvalue().encode(), durable=False)
    return path


def _align(column: Sequence[str], headings: int) -> list[str]:
    width = max(map(len, column))
    is_numeric = all(not x or x[0].isdigit() or x[0] in '+-.' for x in column[headings:])
    return [cell.rjust(width) if is_numeric else cell.ljust(width) for cell in column]
