"""The results of the single classes as text."""

from collections.abc import Sequence

import numpy as np

from mmcl_ext.datasets.class_map import ClassMap
from mmcl_ext.evaluation.text_table import format_table

_HEAD = ('class of the target', 'of the source', 'samples', 'top-1', 'over all', 'taken for')


def class_table(
    class_map: ClassMap,
    labels: np.ndarray,
    predictions: np.ndarray,
    source_hits: np.ndarray,
) -> str:
    """Write a line per mapped class of the target.

    Each of N samples has its class of the target in ``labels``, the predicted row of the map in
    ``predictions``, and in ``source_hits`` whether it is right over all classes of the source.
    """
    lines: list[Sequence[str]] = [_HEAD]
    for label, row in enumerate(class_map.row_of_target.tolist()):
        chosen = labels == label
        if row >= 0 and chosen.any():
            wrong = predictions[chosen & (predictions != row)]
            lines.append(
                (
                    class_map.target_classes[label],
                    ', '.join(class_map.rows[row].source),
                    str(chosen.sum()),
                    f'{100 * (predictions[chosen] == row).mean():.1f}',
                    f'{100 * source_hits[chosen].mean():.1f}',
                    _mistake(class_map, wrong, int(chosen.sum())),
                )
            )
    return format_table(lines)


def _mistake(class_map: ClassMap, wrong: np.ndarray, num_samples: int) -> str:
    if not len(wrong):
        return '-'
    row, count = max(enumerate(np.bincount(wrong)), key=lambda item: item[1])
    return f'{class_map.rows[row].name} {100 * count / num_samples:.0f}%'
