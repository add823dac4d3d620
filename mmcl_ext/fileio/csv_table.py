"""Reading of CSV tables with a line of column names."""

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.name_file import DAMAGE, name_file, names_file
from mmcl_ext.fileio.printable import bounded_repr, counted

Rows = Iterator[tuple[str, dict[str, str]]]
"""Place for messages, such as ``a.csv, line 3``, and cells by column, without blanks around."""

_LONG_LINE = re.compile(rb'[^\r\n]{100001}')


@names_file
def read_table(
    source: str | os.PathLike | ArchiveFile, required: Sequence[str]
) -> tuple[list[str], Rows]:
    """Read the columns and the rows of a table in UTF-8; cells that are lacking are empty.

    Raises:
        ValueError: There is no such table, a line has more than 100,000 bytes, a column is missing
            or comes twice, or, while the rows are read, a row has more cells than there are
            columns; names file and line.
    """
    data = source.read() if isinstance(source, ArchiveFile) else Path(source).read_bytes()
    if _LONG_LINE.search(data):
        raise ValueError(f'{source}: no table, for a line has more than 100,000 bytes')
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{source}: not a table in UTF-8: {error}') from error
    lines = csv.reader(io.StringIO(text, newline=''), strict=True)
    columns = [name.strip() for name in next(lines, [])]
    shown = bounded_repr(columns)
    if not set(required) <= set(columns):
        needs = f'{", ".join(required[:-1])} and {required[-1]}'
        raise ValueError(f'{source}, line 1: needs {needs}, got {shown}')
    if len(set(filter(None, columns))) != len(list(filter(None, columns))):
        raise ValueError(f'{source}, line 1: a column comes twice: {shown}')
    return columns, _rows(source, columns, lines)


def _rows(source: object, columns: Sequence[str], lines: Iterator[list[str]]) -> Rows:
    for line in count(2):
        where = f'{source}, line {line}'
        with name_file(where, DAMAGE):
            cells = next(lines, None)
            if cells is None:
                return
            if any(cells[len(columns) :]):
                raise ValueError(
                    f'{counted(len(cells), "cell")} in {counted(len(columns), "column")}: put '
                    'text with commas in quotes'
                )
        if cells:
            padded = [*map(str.strip, cells), *[''] * len(columns)]
            yield where, dict(zip(columns, padded, strict=False))


def whole_number(text: str) -> int:
    """Read a whole number; Python itself would also take ``1_000``."""
    if '_' in text:
        raise ValueError(f'no whole number: {bounded_repr(text)}')
    return int(text)


def real_number(text: str) -> float:
    """Read a number; Python itself would also take ``1_0.5``."""
    if '_' in text:
        raise ValueError(f'no number: {bounded_repr(text)}')
    return float(text)
