"""Fusion of the scores of several streams, and its report for reading and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.evaluation.accuracy import (
    Estimate,
    SystemResult,
    bootstrap_note,
    difference,
    result_heading,
)
from mmcl_ext.evaluation.scores import Scores, to_probabilities
from mmcl_ext.evaluation.text_table import format_table
from mmcl_ext.evaluation.weight_search import WeightSearch, search_weights
from mmcl_ext.fileio.printable import counted

_UNLIKE = 3.0
TREATMENTS = ('raw', 'softmax', 'l2')
"""What can be done to scores before they are weighted and added."""


@dataclass(frozen=True)
class Weights:
    """Weights of the streams, one per stream, and where they come from (``origin``).

    ``search`` is what was found where there was one; ``searched_on_test`` says that they were
    chosen by the labels that they are tested on; the reader is told the ``warning`` with a result.
    """

    values: tuple[float, ...]
    origin: str
    search: WeightSearch | None = None
    searched_on_test: bool = False
    warning: str | None = None

    def __post_init__(self) -> None:
        values = np.array(self.values, float)
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise ValueError(
                f'weights must be finite, not negative and not all zero, got {list(self.values)}'
            )


@dataclass(frozen=True)
class Ensemble:
    """Several streams, fused by ``weights``, and how good they and the fused scores are.

    The scores were given the ``treatment`` first. ``gain`` is the top-1 accuracy of the fused
    scores minus that of stream number ``best``, by a bootstrap of ``resamples`` from ``seed``.
    ``unlike_scales`` tells the reader of logits of different size that were added as they are.
    """

    streams: tuple[SystemResult, ...]
    weights: Weights
    treatment: str
    scores: Scores = field(repr=False)
    fused: SystemResult
    best: int
    gain: Estimate
    resamples: int
    seed: int
    unlike_scales: str = ''


def align(streams: Sequence[Scores]) -> list[Scores]:
    """Bring streams into the sample order of the first, see :meth:`Scores.aligned_to`."""
    if not streams:
        raise ValueError('no streams to fuse')
    return [stream.aligned_to(streams[0]) for stream in streams]


def treat(streams: Sequence[Scores], treatment: str) -> np.ndarray:
    """Make the (N, K) scores of S aligned streams fit to be added: (S, N, K).

    ``treatment`` is ``'raw'``: as they are; ``'softmax'``: logits become probabilities, which stay
    what they are; ``'l2'``: each sample's logits are divided by their norm (HD-GCN). A ValueError
    for an unknown treatment, where logits and probabilities would be added, or probabilities
    divided by a norm.
    """
    if treatment not in TREATMENTS:
        raise ValueError(f'scores {treatment!r}: known are {TREATMENTS}')
    kinds = {stream.kind: stream.source for stream in streams}
    if treatment == 'raw' and len(kinds) > 1:
        raise ValueError(
            f'{kinds["logits"]} holds logits and {kinds["probabilities"]} probabilities: fuse '
            'them with --scores softmax'
        )
    if treatment == 'l2' and 'probabilities' in kinds:
        raise ValueError(f'{kinds["probabilities"]} holds probabilities; l2 is for logits')
    if treatment == 'softmax':
        return np.stack([to_probabilities(stream) for stream in streams])
    values = np.stack([stream.values for stream in streams])
    if treatment == 'l2':
        norm = np.linalg.norm(values, axis=2, keepdims=True)
        return values / np.where(norm > 0, norm, 1)
    return values


def fuse(
    streams: Sequence[Scores], weights: Sequence[float], treatment: str = 'raw', name: str = 'fused'
) -> Scores:
    """Add weighted scores, joined by sample name; the weights are scaled to sum to 1.

    There is one per stream; for errors see :func:`align` and :func:`treat`, too.
    """
    if len(weights) != len(streams):
        raise ValueError(f'{counted(len(weights), "weight")} for {counted(len(streams), "stream")}')
    aligned = align(streams)
    share = np.array(weights, float) / np.sum(weights)
    values = np.tensordot(share, treat(aligned, treatment), axes=1)
    searched = any(stream.searched_on_test for stream in aligned)
    return Scores(aligned[0].names, values, aligned[0].labels, name, searched, aligned[0].classes)


def search_on_held_out(
    held_out: Sequence[Scores], tested: Sequence[Scores], treatment: str, largest: int = 6
) -> Weights:
    """Search weights on a held-out part of the training data, whose streams are in equal order.

    A ValueError if there is not one file per stream, or a held-out sample is tested on.
    """
    if len(held_out) != len(tested):
        raise ValueError(f'{len(held_out)} held-out files for {counted(len(tested), "stream")}')
    aligned = align(held_out)
    tested_names = set(tested[0].names)
    shared = [name for name in aligned[0].names if name in tested_names]
    if shared:
        raise ValueError(
            f'sample {shared[0]!r} of {aligned[0].source} is among the test samples '
            f'({len(shared)} are): weights may be searched on test data with '
            '--search-on-test only'
        )
    if aligned[0].num_classes != tested[0].num_classes:
        raise ValueError(
            f'{aligned[0].source} has {counted(aligned[0].num_classes, "class", "classes")}, '
            f'{tested[0].source} has {tested[0].num_classes}'
        )
    search = _search(aligned, treatment, largest)
    origin = f'searched on {search.num_samples} held-out samples ({aligned[0].source}, ...)'
    return Weights(search.weights, origin, search)


def search_on_test(streams: Sequence[Scores], treatment: str, largest: int = 6) -> Weights:
    """Search weights on the test samples themselves: an upper bound, no result."""
    search = _search(align(streams), treatment, largest)
    return Weights(search.weights, 'SEARCHED ON THE TEST DATA', search, searched_on_test=True)


def _search(aligned: Sequence[Scores], treatment: str, largest: int) -> WeightSearch:
    values = treat(aligned, treatment)
    probabilities = treatment == 'softmax' or all(s.are_probabilities for s in aligned)
    return search_weights(values, aligned[0].labels, probabilities=probabilities, largest=largest)


def evaluate_ensemble(
    streams: Sequence[Scores],
    weights: Weights,
    treatment: str = 'raw',
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Ensemble:
    """Fuse streams, see :func:`treat`, and measure them and their fusion."""
    fused = fuse(streams, weights.values, treatment)
    if weights.searched_on_test:
        fused = replace(fused, searched_on_test=True)
    options = dict(resamples=resamples, seed=seed)
    aligned = align(streams)
    results = [SystemResult.measure(s, short_name(s.source), **options) for s in aligned]
    best = max(range(len(results)), key=lambda i: results[i].top1.value)
    return Ensemble(
        streams=tuple(results),
        weights=weights,
        treatment=treatment,
        scores=fused,
        fused=SystemResult.measure(fused, 'fused', **options),
        best=best,
        gain=difference(aligned[best], fused, **options),
        resamples=resamples,
        seed=seed,
        unlike_scales=describe_scales(aligned) if treatment == 'raw' else '',
    )


def describe_scales(streams: Sequence[Scores]) -> str:
    """Warn of streams whose logits spread much wider than another's, else return ''.

    The spread is the standard deviation over the classes, and its median over the samples.
    """
    if any(stream.are_probabilities for stream in streams):
        return ''
    spreads = [float(np.median(stream.values.std(axis=1))) for stream in streams]
    wide, narrow = int(np.argmax(spreads)), int(np.argmin(spreads))
    if spreads[wide] <= _UNLIKE * spreads[narrow]:
        return ''
    ratio = spreads[wide] / max(spreads[narrow], 1e-12)
    return (
        f'LOGITS OF DIFFERENT SCALE WERE ADDED AS THEY ARE: those of '
        f'{short_name(streams[wide].source)} spread {ratio:.3g} times as wide as those of '
        f'{short_name(streams[narrow].source)}, so they decide; --scores softmax adds probabilities'
    )


def short_name(source: str) -> str:
    """Shorten a path to its last two parts."""
    return '/'.join(Path(source).parts[-2:])


TEST_DATA_WARNING = (
    'WEIGHTS SEARCHED ON THE TEST DATA: THE FUSED ACCURACY IS AN UPPER BOUND, NOT A RESULT'
)
_TREATMENTS = {
    'raw': 'added as they are',
    'softmax': 'turned into probabilities by softmax, then added',
    'l2': 'divided by their L2 norm per sample, then added',
}


def format_ensemble(ensemble: Ensemble) -> str:
    """Write what a reader should know of an ensemble."""
    kinds = '/'.join(sorted({stream.kind for stream in ensemble.streams}))
    lines = [
        f'{counted(len(ensemble.scores), "sample")}, {ensemble.scores.num_classes} classes, '
        f'{counted(len(ensemble.streams), "stream")} joined by sample name',
        f'scores: {kinds}, {_TREATMENTS[ensemble.treatment]}',
        f'weights: {ensemble.weights.origin}',
        *_search_lines(ensemble),
        '',
        _table(ensemble),
        '',
        f'fused minus best single stream on these samples '
        f'({ensemble.streams[ensemble.best].name}): {ensemble.gain.signed} points of top-1',
        bootstrap_note(ensemble.resamples, ensemble.seed),
        *_warnings(ensemble),
    ]
    return '\n'.join(lines)


def ensemble_to_dict(ensemble: Ensemble) -> dict[str, Any]:
    """Return what JSON can hold; accuracies are shares from 0 to 1."""
    weights = ensemble.weights
    return dict(
        num_samples=len(ensemble.scores),
        num_classes=ensemble.scores.num_classes,
        scores=ensemble.treatment,
        weights=list(weights.values),
        weights_from=weights.origin,
        weights_search=None if weights.search is None else weights.search._asdict(),
        searched_on_test_data=ensemble.scores.searched_on_test,
        warnings=_warnings(ensemble),
        streams=[stream.to_dict() for stream in ensemble.streams],
        fused=ensemble.fused.to_dict(),
        best_stream=ensemble.streams[ensemble.best].name,
        fused_minus_best=ensemble.gain._asdict(),
        bootstrap=dict(resamples=ensemble.resamples, seed=ensemble.seed, level=0.95),
    )


def _search_lines(ensemble: Ensemble) -> list[str]:
    search = ensemble.weights.search
    if search is None:
        return []
    return [
        f'search: top-1 {100 * search.accuracy:.2f} on these samples, '
        f'{100 * search.equal_accuracy:.2f} with equal weights; {search.num_tried} combinations'
    ]


def _table(ensemble: Ensemble) -> str:
    rows: list[tuple[str, ...]] = [('weight', 'stream', *result_heading(ensemble.fused))]
    weights = [f'{weight:g}' for weight in ensemble.weights.values]
    for weight, result in zip((*weights, ''), (*ensemble.streams, ensemble.fused), strict=True):
        rows.append((weight, result.name, *map(str, result.estimates.values())))
    return format_table(rows)


def _warnings(ensemble: Ensemble) -> list[str]:
    found = [TEST_DATA_WARNING] if ensemble.scores.searched_on_test else []
    return found + [w for w in (ensemble.weights.warning, ensemble.unlike_scales) if w]
