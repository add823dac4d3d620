"""Report of an ensemble, for reading and as JSON."""

from typing import Any

from mmcl_ext.evaluation.ensemble import Ensemble
from mmcl_ext.evaluation.system_result import result_heading
from mmcl_ext.evaluation.text_table import format_table
from mmcl_ext.fileio.printable import counted

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
        f'({ensemble.streams[ensemble.best].name}): {_signed(ensemble)} points of top-1',
        f'in brackets: 95 % confidence intervals, bootstrap over samples, {ensemble.resamples} '
        f'resamples, seed {ensemble.seed}; the difference is paired',
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


def _signed(ensemble: Ensemble) -> str:
    value, low, high = (100 * number for number in ensemble.gain)
    return f'{value:+.2f} [{low:+.2f}, {high:+.2f}]'


def _warnings(ensemble: Ensemble) -> list[str]:
    found = [TEST_DATA_WARNING] if ensemble.scores.searched_on_test else []
    return found + [w for w in (ensemble.weights.warning, ensemble.unlike_scales) if w]
