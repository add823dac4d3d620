"""Tables of plain text."""

from collections.abc import Sequence


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Align columns under the first row, the heading; numbers go to the right.

    Args:
        rows: Rows of equal length.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = [all(_is_number(cell) for cell in column[1:]) for column in zip(*rows, strict=True)]
    lines = [
        '  '.join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]
    return '\n'.join(lines)


def _is_number(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in '+-.'
