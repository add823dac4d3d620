"""Results of an ablation as one table."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcl_ext.ablation.declaration import Ablation, Fused, Variant
from mmcl_ext.ablation.fused import fused_metrics, fused_weights
from mmcl_ext.ablation.run import Run
from mmcl_ext.config.number_format import number_format
from mmcl_ext.evaluation.text_table import write_csv
from mmcl_ext.fileio.atomic_file import write_bytes, write_json

_TITLES = {'acc/top1': 'top-1', 'acc/top5': 'top-5', 'acc/mean1': 'mean class'}
_SHARES = 'acc/'
"""Metrics that begin so are shares, shown in percent."""


def summarize(ablation: Ablation, runs: Sequence[Run]) -> dict[str, Any]:
    """Gather the results of all runs, finished or not.

    Returns:
        ``title``, ``rows`` with one entry a variant, and ``environments``. A row has, for each
        metric, ``seeds`` (number by seed), ``mean``, ``std`` (sample standard deviation, None
        with one seed) and ``gain``, the same of the differences to its reference at equal seeds.
        The rows of fused systems come last; one has a row where all its streams are among the runs.
    """
    by_name = {variant.name: variant for variant in ablation.variants}
    rows = [
        _row(by_name[name], [run for run in runs if run.variant.name == name])
        for name in dict.fromkeys(run.variant.name for run in runs)
    ]
    rows += [_fused_row(ablation, fused, runs) for fused in ablation.fused]
    rows = [row for row in rows if row]
    by_variant = {row['variant']: row for row in rows}
    for row in rows:
        reference = by_variant.get(row['reference'] or ablation.variants[0].name)
        if reference is not None and row is not reference:
            _add_gain(row['metrics'], reference['metrics'])
    seen = [run.result.get('trained') or run.result.get('tested') for run in runs]
    environments = [dict(t) for t in dict.fromkeys(tuple(e.items()) for e in seen if e)]
    return dict(ablation=ablation.name, title=ablation.title, rows=rows, environments=environments)


def render(summary: Mapping[str, Any]) -> str:
    """Write what :func:`summarize` gave as Markdown."""
    metrics = list(dict.fromkeys(m for row in summary['rows'] for m in row['metrics']))
    first = metrics[0] if metrics else None
    gained = [row for row in summary['rows'] if 'gain' in row['metrics'].get(first, {})]
    head = ['variant', *(_TITLES.get(m, m) for m in metrics)]
    head += [f'gain in {_TITLES.get(first or "", first)}'] * bool(gained)
    head += ['seeds', 'training']
    lines = [head, ['---'] * len(head)]
    for row in summary['rows']:
        cells = [row['title'], *(_spread(m, row['metrics'].get(m)) for m in metrics)]
        if gained:
            cells.append(_spread(first, row['metrics'].get(first, {}).get('gain'), '+'))
        cells += [' '.join(map(str, row['seeds'])), _duration(row['train_seconds'])]
        lines.append(cells)
    table = '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)
    return '\n\n'.join([f'# {summary["title"]}', table, *_remarks(summary)]) + '\n'


def write_summary(summary: Mapping[str, Any], stem: Path) -> None:
    """Write what :func:`summarize` gave as ``<stem>.md``, ``.csv`` and ``.json``."""
    write_json(stem.with_name(f'{stem.name}.json'), summary)
    write_bytes(stem.with_name(f'{stem.name}.md'), render(summary).encode())
    heading = ('variant', 'metric', 'seed', 'value', 'mean', 'std')
    write_csv(stem.with_name(f'{stem.name}.csv'), heading, _lines(summary))


def _row(variant: Variant, runs: Sequence[Run]) -> dict[str, Any]:
    done = [(run.seed, run.result) for run in runs if run.result]
    names = list(dict.fromkeys(m for _, result in done for m in result['metrics']))
    seconds = [r['train_seconds'] for _, r in done if r['train_seconds']]
    return dict(
        variant=variant.name,
        title=variant.title,
        reference=variant.reference,
        config=str(variant.config),
        metrics={
            name: _statistics({s: r['metrics'][name] for s, r in done if name in r['metrics']})
            for name in names
        },
        seeds=[seed for seed, _ in done],
        train_seconds=statistics.mean(seconds) if seconds else None,
        pending=[run.seed for run in runs if not run.result and not run.failure],
        failures={run.seed: run.failure for run in runs if run.failure},
        folders={run.seed: str(run.folder) for run in runs},
        differs_in={s: r['differs_in'] for s, r in done if r.get('differs_in')},
        number_formats={run.seed: number_format(run.cfg) for run in runs if run.result},
    )


def _fused_row(ablation: Ablation, fused: Fused, runs: Sequence[Run]) -> dict[str, Any]:
    """Row of a fused system, empty where a stream is not among the runs."""
    by_seed: dict[int, dict[str, Run]] = {}
    for run in runs:
        if run.variant.name in fused.streams:
            by_seed.setdefault(run.seed, {})[run.variant.name] = run
    if any(len(members) < len(fused.streams) for members in by_seed.values()) or not by_seed:
        return {}
    metrics: dict[str, dict[int, float]] = {}
    failures, pending, seconds = {}, [], []
    for seed, members in by_seed.items():
        results = [run.result for run in members.values()]
        if not all(results):
            pending.append(seed)
            continue
        try:
            found = fused_metrics(fused, members)
        except (OSError, ValueError) as error:
            failures[seed] = str(error)
            continue
        for name, value in found.items():
            metrics.setdefault(name, {})[seed] = value
        seconds.append(sum(result['train_seconds'] or 0 for result in results))
    return dict(
        variant=fused.name,
        title=fused.title,
        reference=fused.reference or ablation.fused[0].name,
        streams=list(fused.streams),
        weights=list(fused_weights(fused)[0]),
        metrics={name: _statistics(values) for name, values in metrics.items()},
        seeds=[seed for seed in by_seed if seed not in (*pending, *failures)],
        train_seconds=statistics.mean(seconds) if any(seconds) else None,
        pending=pending,
        failures=failures,
        differs_in={},
        number_formats={},
    )


def _statistics(values: Mapping[int, float]) -> dict[str, Any]:
    numbers = list(values.values())
    return dict(
        seeds=dict(values),
        mean=statistics.mean(numbers),
        std=statistics.stdev(numbers) if len(numbers) > 1 else None,
    )


def _add_gain(metrics: dict[str, Any], reference: Mapping[str, Any]) -> None:
    for name, values in metrics.items():
        base = reference.get(name, {}).get('seeds', {})
        pairs = {s: value - base[s] for s, value in values['seeds'].items() if s in base}
        if pairs:
            values['gain'] = _statistics(pairs)


def _spread(metric: str | None, values: Mapping[str, Any] | None, sign: str = '') -> str:
    if not values:
        return ''
    factor, digits = (100, 2) if (metric or '').startswith(_SHARES) else (1, 4)
    text = f'{factor * values["mean"]:{sign}.{digits}f}'
    return text if values['std'] is None else f'{text} ± {factor * values["std"]:.{digits}f}'


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ''
    return f'{seconds / 60:.1f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


def _remarks(summary: Mapping[str, Any]) -> list[str]:
    several = any(len(row['seeds']) > 1 for row in summary['rows'])
    notes = ['Mean ± sample standard deviation over the seeds; gains at equal seeds.'] * several
    for row in summary['rows']:
        for seed, reason in row['failures'].items():
            notes.append(f'{row["title"]}, seed {seed} failed: {reason}')
        if row['pending']:
            notes.append(f'{row["title"]}: not finished, seeds {row["pending"]}')
        for seed, keys in row['differs_in'].items():
            notes.append(f'{row["title"]}, seed {seed}: trained with other settings, {keys[:8]}')
    notes += _describe_formats(summary['rows'])
    for env in summary['environments']:
        notes.append(
            f'Commit {env["commit"]}, torch {env["torch"]}, Python {env["python"]}, '
            f'{env["hardware"]}.'
        )
    return notes


def _describe_formats(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say in which number format was trained; where in several, which runs in which."""
    runs: dict[str, list[str]] = {}
    for row in rows:
        for seed, name in row['number_formats'].items():
            runs.setdefault(name, []).append(f'{row["title"]}, seed {seed}')
    if len(runs) == 1:
        yield f'Trained in {next(iter(runs))}.'
    elif runs:
        parts = [f'{name} ({"; ".join(which)})' for name, which in runs.items()]
        yield f'Trained in different number formats, compare with care: {", ".join(parts)}'


def _lines(summary: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """One line a variant, metric and seed, with the mean and the deviation over the seeds."""
    for row in summary['rows']:
        for metric, values in row['metrics'].items():
            std = '' if values['std'] is None else values['std']
            for seed, value in values['seeds'].items():
                yield row['variant'], metric, seed, value, values['mean'], std
