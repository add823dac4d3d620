"""Report of a comparison: text, and tables as CSV."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmcl_ext.evaluation.accuracy import SystemResult, bootstrap_note, result_heading
from mmcl_ext.evaluation.comparison import ChangedSample, ClassGain, Comparison, confused_pairs
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.evaluation.text_table import format_table, write_csv
from mmcl_ext.fileio.printable import counted, printable

_DIRECTIONS = {True: 'wrong -> right', False: 'right -> wrong'}


def format_comparison(
    comparison: Comparison,
    classes: Sequence[str],
    names: tuple[str, str],
    *,
    num_shown: int = 10,
    resamples: int = 10_000,
    seed: int = 0,
) -> str:
    """Write what a reader should know of two runs, given the K class names.

    Lists have ``num_shown`` lines; ``resamples`` and ``seed`` are those of the bootstrap.
    """
    gains = [gain for gain in comparison.class_gains if gain.gain > 0]
    losses = [gain for gain in comparison.class_gains[::-1] if gain.gain < 0]
    blocks = [
        _summary(comparison, names, resamples, seed),
        f'classes that gain, {len(gains)}:\n{_gain_table(gains[:num_shown], classes, names)}',
        f'classes that lose, {len(losses)}:\n{_gain_table(losses[:num_shown], classes, names)}',
    ]
    for name, confusion in zip(names, comparison.confusions, strict=True):
        table = pair_table(confusion, classes, num_shown)
        blocks.append(f'most confused in {printable(name)}:\n{table}')
    for title in _DIRECTIONS.values():
        found = [s for s in comparison.changed if _DIRECTIONS[s.is_improved] == title]
        table = _changed_table(found[:num_shown], classes, names)
        blocks.append(f'{title}, {counted(len(found), "sample")}:\n{table}')
    return '\n\n'.join(blocks)


def write_comparison(
    comparison: Comparison,
    classes: Sequence[str],
    names: tuple[str, str],
    folder: str | os.PathLike,
) -> list[Path]:
    """Write and return ``classes.csv``, ``confused_pairs.csv`` and ``changed_samples.csv``."""
    folder = Path(folder)
    gains = (
        (g.label, classes[g.label], g.num_samples, *map(_share, (g.first, g.second, g.gain)))
        for g in comparison.class_gains
    )
    pairs = (
        (name, classes[p.label], classes[p.predicted], p.num_samples, _share(p.share))
        for name, confusion in zip(names, comparison.confusions, strict=True)
        for p in confused_pairs(confusion)
    )
    changed = (
        (
            s.name,
            _DIRECTIONS[s.is_improved],
            *(classes[k] for k in (s.label, *s.predicted)),
            *map(_share, s.probability),
        )
        for s in comparison.changed
    )
    a, b = names
    head = ('label', 'class', 'samples', f'accuracy of {a}', f'accuracy of {b}', 'gain')
    pair_head = ('run', 'class', 'taken for', 'samples', 'share of the class')
    sample_head = ('sample', 'change', 'class', a, b, f'true class in {a}', f'true class in {b}')
    return [
        write_csv(folder / 'classes.csv', head, gains),
        write_csv(folder / 'confused_pairs.csv', pair_head, pairs),
        write_csv(folder / 'changed_samples.csv', sample_head, changed),
    ]


def run_table(runs: Sequence[Scores], names: Sequence[str], resamples: int, seed: int) -> str:
    """Tabulate the accuracies of runs with their confidence intervals."""
    results = [
        SystemResult.measure(run, name, resamples=resamples, seed=seed)
        for run, name in zip(runs, names, strict=True)
    ]
    rows = [(result.name, *map(str, result.estimates.values())) for result in results]
    return format_table([('run', *result_heading(results[0])), *rows])


def pair_table(confusion: np.ndarray, classes: Sequence[str], num_shown: int) -> str:
    """Tabulate the most frequent confusions of one run; ``num_shown`` is not negative."""
    if num_shown < 0:
        raise ValueError(f'the number of lines to show must not be negative, got {num_shown}')
    rows = [
        (classes[p.label], classes[p.predicted], str(p.num_samples), f'{100 * p.share:.1f}')
        for p in confused_pairs(confusion)[:num_shown]
    ]
    return _table(('class', 'taken for', 'samples', '% of the class'), rows)


def _summary(comparison: Comparison, names: tuple[str, str], resamples: int, seed: int) -> str:
    gain = comparison.gain(resamples=resamples, seed=seed)
    num_samples, num_classes = comparison.first.values.shape
    return '\n'.join(
        [
            f'{counted(num_samples, "sample")}, {num_classes} classes, joined by sample name',
            '',
            run_table(comparison.runs, names, resamples, seed),
            '',
            f'{names[1]} minus {names[0]}: {gain.signed} points of top-1',
            f'{counted(comparison.num_improved, "sample")} wrong -> right, '
            f'{comparison.num_worsened} right -> wrong; '
            f"McNemar's exact test: p = {comparison.p_value:.3g}",
            bootstrap_note(resamples, seed),
        ]
    )


def _gain_table(gains: Sequence[ClassGain], classes: Sequence[str], names: tuple[str, str]) -> str:
    rows = []
    for gain in gains:
        shares = f'{100 * gain.first:.2f}', f'{100 * gain.second:.2f}', f'{100 * gain.gain:+.2f}'
        rows.append((classes[gain.label], str(gain.num_samples), *shares))
    return _table(('class', 'samples', *names, 'gain'), rows)


def _changed_table(
    samples: Sequence[ChangedSample], classes: Sequence[str], names: tuple[str, str]
) -> str:
    rows = []
    for s in samples:
        shares = [f'{100 * p:.1f}' for p in s.probability]
        rows.append((s.name, *(classes[k] for k in (s.label, *s.predicted)), *shares))
    heading = ('sample', 'class', *names, *(f'% for the class, {name}' for name in names))
    return _table(heading, rows)


def _table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return format_table([heading, *rows]) if rows else '(none)'


def _share(value: float) -> str:
    return f'{value:.6g}'
