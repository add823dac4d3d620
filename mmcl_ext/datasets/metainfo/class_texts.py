"""Texts of the classes of a data set: files with a line for each class."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmcl_ext.datasets.metainfo import read_facts
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.read_lines import read_lines

SHIPPED = {
    'ntu60': ('texts_ntu', 60),
    'ntu120': ('texts_ntu', 120),
    'nwucla': ('texts_nwucla', 10),
    'utdmhad': ('texts_utdmhad', 27),
    'demo': ('texts_demo', 13),
}
"""Data sets whose texts the package brings: file and number of classes."""

KINDS = ('sentence', 'head', 'hand', 'hip', 'foot')
"""What a text may be about: the whole action, or a part of the body."""


@dataclass(frozen=True)
class ClassTexts:
    """Texts of K classes: ``rows`` (K, P), a text for each of the ``kinds``.

    ``sentence`` may be there several times, each part of the body once.
    """

    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def with_sentences(self, sentences: Mapping[str, str]) -> 'ClassTexts':
        """Replace the sentences of some classes by one each; ValueError for an unknown class."""
        unknown = [name for name in sentences if name not in self.classes]
        if unknown:
            raise ValueError(f'{bounded_repr(unknown[0])} is no class of these texts')
        rows = (
            tuple(
                sentences.get(name, text) if kind == 'sentence' else text
                for kind, text in zip(self.kinds, row, strict=True)
            )
            for name, row in zip(self.classes, self.rows, strict=True)
        )
        return replace(self, rows=tuple(rows))

    def to_text(self) -> str:
        """Write the lines that :func:`read_class_texts` reads."""
        rows = ((name, *row) for name, row in zip(self.classes, self.rows, strict=True))
        return ''.join('; '.join(line) + '\n' for line in (('class', *self.kinds), *rows))


def read_class_texts(source: str | os.PathLike) -> ClassTexts:
    """Read the texts of a shipped data set, by its name in :data:`SHIPPED`, or of a file.

    The first line is ``class; sentence; head; hand; hip; foot``, or fewer of these; each further
    line has as many fields. A ValueError if a line does not have the fields of the first one, a
    class occurs twice, or a kind is unknown, which names the file and the line.
    """
    if os.fspath(source) in SHIPPED:
        name, number = SHIPPED[os.fspath(source)]
        return parse_class_texts(read_facts(name)[: number + 1], f'{name}.txt')
    if not Path(source).is_file():
        raise ValueError(f'{source}: no such file; texts are shipped for {", ".join(SHIPPED)}')
    return parse_class_texts(read_lines(source), os.fspath(source))


def parse_class_texts(lines: Sequence[str], source: str) -> ClassTexts:
    """Parse the lines of a file, see :func:`read_class_texts`."""
    fields = [(i, _fields(line)) for i, line in enumerate(lines, 1) if line.strip()]
    first = fields[0][1] if fields else ('',)
    kinds, parts = first[1:], [kind for kind in first[1:] if kind != 'sentence']
    if first[0] != 'class' or not set(first[1:]) <= set(KINDS) or len(set(parts)) != len(parts):
        raise ValueError(f"{source}: the first line is 'class; {'; '.join(KINDS)}', or fewer")
    if 'sentence' not in kinds:
        raise ValueError(f"{source}: no column 'sentence'")
    for number, line in fields[1:]:
        if len(line) != len(first) or not all(line):
            raise ValueError(f'{source}, line {number}: expected {len(first)} texts, divided by ;')
    classes = tuple(line[0] for _, line in fields[1:])
    twice = next((name for name in classes if classes.count(name) > 1), None)
    if twice is not None or not classes:
        raise ValueError(f'{source}: ' + (f'{twice!r} occurs twice' if twice else 'no class'))
    return ClassTexts(classes, kinds, tuple(line[1:] for _, line in fields[1:]))


def read_sentences(path: str | os.PathLike) -> dict[str, str]:
    """Read answers, lines ``class; sentence``; others without a semicolon are passed over."""
    found: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), 1):
        if ';' not in line:
            continue
        name, *sentences = _fields(line)
        if len(sentences) != 1 or not name or not sentences[0]:
            raise ValueError(f"{path}, line {number}: expected 'class; sentence'")
        if name in found:
            raise ValueError(f'{path}, line {number}: {bounded_repr(name)} occurs twice')
        found[name] = sentences[0]
    if not found:
        raise ValueError(f"{path}: no line 'class; sentence'")
    return found


def _fields(line: str) -> tuple[str, ...]:
    return tuple(field.strip() for field in line.split(';'))
