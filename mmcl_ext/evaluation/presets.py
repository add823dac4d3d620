"""Fixed ensemble weights."""

from typing import NamedTuple


class Preset(NamedTuple):
    """Weights for streams in a fixed order, and who published them (``source``).

    ``scores`` is the treatment before they are added, if the source says so, and ``warning`` what
    to tell the reader along with a result.
    """

    streams: tuple[str, ...]
    weights: tuple[float, ...]
    source: str
    scores: str | None = None
    warning: str | None = None


_FOUR = ('joint', 'bone', 'joint motion', 'bone motion')
_SIX = (*_FOUR, 'HD-Graph joint', 'HD-Graph bone')

PRESETS = {
    'four-stream': Preset(
        _FOUR,
        (3, 3, 2, 2),
        'CTR-GCN (ICCV 2021), ensemble.py: 0.6, 0.6, 0.4, 0.4 on logits',
    ),
    'four-stream-pyskl': Preset(
        _FOUR, (2, 2, 1, 1), 'PYSKL (MM 2022), configs/stgcn++/README.md: 2:2:1:1'
    ),
    'six-way': Preset(
        _SIX,
        (3, 3, 2, 2, 3, 3),
        "CTR-GCN's 0.6, 0.6, 0.4, 0.4; the HD-Graph streams of MMCL, a joint and a bone stream, "
        'weigh what joint and bone do',
    ),
    'six-way-mmcl-ntu120-xsub': Preset(
        _SIX,
        (
            2.361693262051476,
            4.35402786600752,
            3.6038236890242237,
            1.0158095311333564,
            3.0574845840597544,
            5.0,
        ),
        'MMCL (MM 2024), Ensemble/ensemble.py, NTU RGB+D 120 X-Sub',
        scores='raw',
        warning='these released weights look searched on the test data: report them beside fixed '
        'ones, not in their place',
    ),
    'six-way-skeletonagent': Preset(
        ('joint', 'bone', 'k-bone', 'joint motion', 'bone motion', 'k-bone motion'),
        (2, 2, 2, 1, 1, 1),
        'SkeletonAgent (2025): 2:2:2:1:1:1',
    ),
    'six-way-hdgcn': Preset(
        tuple(f'{stream}, centre {joint}' for joint in (1, 2, 21) for stream in ('joint', 'bone')),
        (1, 1, 1, 1, 1, 1),
        'HD-GCN (ICCV 2023): equal weights, logits divided by their L2 norm',
        scores='l2',
    ),
}
"""Weights that were published, or follow from published ones as their source says."""
