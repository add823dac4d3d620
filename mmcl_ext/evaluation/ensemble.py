"""Fusion of the scores of several streams."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmcl_ext.evaluation.bootstrap import Estimate
from mmcl_ext.evaluation.scores import Scores, to_probabilities
from mmcl_ext.evaluation.system_result import SystemResult, difference
from mmcl_ext.evaluation.weight_search import WeightSearch, search_weights

_UNLIKE = 3.0
TREATMENTS = ('raw', 'softmax', 'l2')
"""What can be done to scores before they are weighted and added."""


@dataclass(frozen=True)
class Weights:
    """Weights of the streams, one per stream, and where they come from (``origin``).

    Attributes:
        search: What the search found, where there was one.
        searched_on_test: Whether they were chosen by the labels that they are tested on.
        warning: What to tell the reader along with the result.
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

    Attributes:
        treatment: What was done to the scores, one of ``TREATMENTS``.
        best: Position of the stream with the highest top-1 accuracy.
        gain: Top-1 accuracy of the fused scores minus that of this stream.
        resamples: Number of resamples of the bootstrap, drawn from ``seed``.
        unlike_scales: What to tell the reader of logits of different size that were added as
            they are, '' if there is nothing.
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
    """Bring streams into the sample order of the first.

    Raises:
        ValueError: They do not have the same samples, labels and number of classes.
    """
    if not streams:
        raise ValueError('no streams to fuse')
    return [stream.aligned_to(streams[0]) for stream in streams]


def treat(streams: Sequence[Scores], treatment: str) -> np.ndarray:
    """Make the (N, K) scores of S aligned streams fit to be added: (S, N, K).

    ``treatment`` is ``'raw'``: as they are; ``'softmax'``: logits become probabilities, which
    stay what they are; ``'l2'``: each sample's logits are divided by their norm (HD-GCN).

    Raises:
        ValueError: Unknown treatment; logits and probabilities would be added; probabilities
            would be divided by a norm.
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
    return np.stack([_treat_one(stream, treatment) for stream in streams])


def _treat_one(stream: Scores, treatment: str) -> np.ndarray:
    values = stream.values
    if treatment == 'softmax':
        return to_probabilities(stream)
    if treatment == 'l2':
        norm = np.linalg.norm(values, axis=1, keepdims=True)
        return values / np.where(norm > 0, norm, 1)
    return values


def fuse(
    streams: Sequence[Scores], weights: Sequence[float], treatment: str = 'raw', name: str = 'fused'
) -> Scores:
    """Add weighted scores, joined by sample name; the weights are scaled to sum to 1.

    Raises:
        ValueError: One weight per stream is not given, or see :func:`align` and :func:`treat`.
    """
    if len(weights) != len(streams):
        raise ValueError(f'{len(weights)} weights for {len(streams)} streams')
    aligned = align(streams)
    share = np.array(weights, float) / np.sum(weights)
    values = np.tensordot(share, treat(aligned, treatment), axes=1)
    searched = any(stream.searched_on_test for stream in aligned)
    return Scores(aligned[0].names, values, aligned[0].labels, name, searched, aligned[0].classes)


def search_on_held_out(
    held_out: Sequence[Scores], tested: Sequence[Scores], treatment: str, largest: int = 6
) -> Weights:
    """Search weights on a held-out part of the training data, whose streams are in equal order.

    Raises:
        ValueError: There is not one held-out file per stream, or a held-out sample is tested on.
    """
    if len(held_out) != len(tested):
        raise ValueError(f'{len(held_out)} held-out files for {len(tested)} streams')
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
            f'{aligned[0].source} has {aligned[0].num_classes} classes, '
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
