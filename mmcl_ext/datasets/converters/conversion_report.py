"""What a converter found and wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmcl_ext.fileio.printable import counted

_MOST_SPLITS = 8  # in the text: SYSU has 120


@dataclass(frozen=True)
class ConversionReport:
    """Counts of a finished conversion; ``str()`` makes the text for the user.

    Attributes:
        split_drops: How many more the split would have, had none been dropped.
        missing: Names that the data set should have and the source has not.
        ignored: Files of the source that belong to no known sample.
        dropped: Samples of the source that were left out, and why.
        class_counts: Numbers of samples by class: ``kept``, ``dropped`` and each split.
    """

    out: str
    num_samples: int
    num_frames: int
    splits: Mapping[str, int] = field(default_factory=dict)
    split_drops: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    seconds: float = 0.0
    dropped: Mapping[str, str] = field(default_factory=dict)
    class_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            *_table(self.class_counts),
            f'{self.out}: {counted(self.num_samples, "sample")}, '
            f'{counted(self.num_frames, "frame")}, '
            f'{self.seconds:.1f} s',
            f'splits: {self._splits_text()}',
        ]
        for reason, names in _by_reason(self.dropped).items():
            lines.append(f'dropped {counted(len(names), "sample")}, {reason}: {_some(names)}')
        if self.missing:
            lines.append(f'MISSING {counted(len(self.missing), "sample")}: {_some(self.missing)}')
        if self.ignored:
            lines.append(
                f'ignored {counted(len(self.ignored), "other file")}: {_some(self.ignored)}'
            )
        return '\n'.join([*lines, *self.notes])

    def _splits_text(self) -> str:
        texts = []
        for name, count in self.splits.items():
            dropped = self.split_drops.get(name, 0)
            texts.append(f'{name} {count}' + (f' ({dropped} dropped)' if dropped else ''))
        more = len(texts) - _MOST_SPLITS
        shown = ', '.join(texts[:_MOST_SPLITS])
        return f'{shown} and {more} more' if more > 0 else shown


def _some(names: tuple[str, ...], limit: int = 20) -> str:
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return ' '.join(names[:limit]) + more


def _by_reason(dropped: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    reasons: dict[str, tuple[str, ...]] = {}
    for name, reason in dropped.items():
        reasons[reason] = (*reasons.get(reason, ()), name)
    return reasons


def _table(rows: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Lay counts out in columns, a line per class."""
    if not rows:
        return []
    columns = list(next(iter(rows.values())))[: 2 + _MOST_SPLITS]  # after kept and dropped
    width = max(len('class'), *map(len, rows))
    head = f'{"class":{width}}  ' + '  '.join(columns)
    return [head] + [
        f'{name:{width}}  ' + '  '.join(f'{counts[key]:{len(key)}}' for key in columns)
        for name, counts in rows.items()
    ]
