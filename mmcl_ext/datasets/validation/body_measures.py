"""Size and upright axis of bodies, to find clips in another unit or with other axes."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mmcl_ext.datasets.validation.data_issue import DataIssue, collect
from mmcl_ext.graphs.layout import Layout

_MOST_FRAMES = 32
_SCALE = {2: 20.0, 3: 2.5}  # in pixels, a person may be near the camera or far from it
_CLEAR = 0.8  # cosine of the angle between a body and an axis
_MOST = 0.9  # of the clips stand along an axis, else these are no bodies on their feet
_USUAL = {2: '-y', 3: '+y'}
_UPPER = ('head', 'neck', 'nose', 'shoulder', 'chest', 'thorax')
_LOWER = ('spine_base', 'pelvis', 'hip', 'knee', 'ankle', 'foot', 'toe', 'heel')


class BodyMeasure(NamedTuple):
    """Median length of a clip's bones, and the signed axis that its bodies stand along.

    ``bone`` is NaN where no bone is there; ``up`` is '' where the joints' names do not tell top
    from bottom, or the bodies stand along no axis.
    """

    bone: float
    up: str


def measure_body(keypoint: np.ndarray, layout: Layout) -> BodyMeasure:
    """Measure a clip (M, T, V, C), in at most 32 of its frames; absent joints are all zero."""
    frames = keypoint[:, :: -(-keypoint.shape[1] // _MOST_FRAMES)].astype(np.float64)
    there: np.ndarray = np.any(frames, axis=-1) & np.isfinite(frames).all(axis=-1)
    points = np.where(there[..., None], frames, np.nan).reshape(-1, *keypoint.shape[2:])
    bones = points - points[:, list(layout.parents)]
    lengths: np.ndarray = np.linalg.norm(bones, axis=-1)
    lengths = lengths[lengths > 0]  # neither absent, nor the centre's own
    return BodyMeasure(float(np.median(lengths)) if lengths.size else math.nan, _up(points, layout))


def check_measures(
    names: Sequence[str], measures: Iterable[BodyMeasure], num_channels: int
) -> list[DataIssue]:
    """List the clips whose bodies are far larger or smaller than most, or stand along other axes.

    Most bodies should stand along +y, or -y in pixels: pictures, augmentations and the published
    data sets have it so. The clips have ``num_channels`` coordinates per joint.
    """
    measured = list(measures)
    return [*_check_scale(names, measured, num_channels), *_check_up(names, measured, num_channels)]


def _check_scale(
    names: Sequence[str], measures: Sequence[BodyMeasure], num_channels: int
) -> list[DataIssue]:
    bones = np.array([measure.bone for measure in measures])
    if np.isfinite(bones).sum() < 3 or num_channels not in _SCALE:
        return []
    usual = np.nanquantile(bones, 0.5, method='lower')  # of one clip: no mean of two units
    far = np.abs(np.log(bones / usual)) > math.log(_SCALE[num_channels])
    found = [f'{names[i]} ({bones[i] / usual:.3g} times)' for i in np.flatnonzero(far).tolist()]
    return collect('scale', f'bones far from the usual {usual:.3g}; another unit?', found)


def _check_up(
    names: Sequence[str], measures: Sequence[BodyMeasure], num_channels: int
) -> list[DataIssue]:
    counts = Counter(measure.up for measure in measures if measure.up)
    if not counts or counts.total() < _MOST * len(names) or num_channels not in _USUAL:
        return []
    usual, common = _USUAL[num_channels], counts.most_common(1)[0][0]
    other = [
        f'{name} ({measure.up})'
        for name, measure in zip(names, measures, strict=True)
        if measure.up not in ('', common)
    ]
    agree = [n for n, measure in zip(names, measures, strict=True) if measure.up == common]
    return [
        *collect('axes', f'bodies stand along {common}, not {usual}', agree * (common != usual)),
        *collect('axes', f'the body does not stand along {common} as most do', other),
    ]


def _up(points: np.ndarray, layout: Layout) -> str:
    """Name the axis that leads from the lower to the upper joints of (N, V, C), NaN if absent."""
    upper, lower = (_joints(layout, words) for words in (_UPPER, _LOWER))
    if not upper or not lower:
        return ''
    whole = points[np.isfinite(points[:, [*upper, *lower]]).all(axis=(1, 2))]
    if not len(whole):
        return ''
    direction = whole[:, upper].mean(axis=1) - whole[:, lower].mean(axis=1)  # (N, C)
    length = np.median(np.linalg.norm(direction, axis=1))
    middle = np.median(direction, axis=0)
    axis = int(np.abs(middle).argmax())
    clear = abs(middle[axis]) > _CLEAR * length
    return f'{"+" if middle[axis] > 0 else "-"}{"xyz"[axis]}' if clear else ''


def _joints(layout: Layout, words: Sequence[str]) -> list[int]:
    names = [name.lower() for name in layout.joint_names]
    return [i for i, name in enumerate(names) if any(word in name for word in words)]
