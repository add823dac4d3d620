"""Results as a table, a JSON file and pictures."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.printable import counted, printable
from mmcl_ext.inference.inference_result import InferenceResult
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.visualization.motion import write_motion
from mmcl_ext.visualization.new_figure import new_figure
from mmcl_ext.visualization.overlay import write_overlay
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.score_plot import draw_scores
from mmcl_ext.visualization.skeleton_plot import draw_sequence


def table_row(result: InferenceResult, k: int = 5, width: int = 24, name: str | None = None) -> str:
    """Write a result as a line: name, then the k best classes with their probabilities."""
    name = name or result.name
    name = name if len(name) <= width else f'...{name[3 - width :]}'
    text = f'error: {result.error}'
    if result.error is None:
        text = ', '.join(f'{label} {p:.3f}' for label, p in result.top(k))
    return f'{printable(name):{width}}  {printable(text, 1000)}'


def write_json(
    path: str | os.PathLike,
    info: ModelInfo,
    results: Sequence[dict[str, Any]],
    complete: bool = True,
) -> None:
    """Write what :meth:`InferenceResult.to_dict` gave, if it is complete, and by which model."""
    model = {key: info.to_dict()[key] for key in ('backbone', 'layout', 'stream', 'recipe')}
    content = dict(
        complete=complete, model=model, classes=list(info.classes), results=list(results)
    )
    write_bytes(path, json.dumps(content, indent=1, allow_nan=False).encode())


def draw_result(result: InferenceResult, path: str | os.PathLike, layout: str) -> None:
    """Draw the skeleton of a clip, in this layout if it says none, and its best classes."""
    clip, probability = _drawn(result)
    figure = new_figure(figsize=(11, 3), layout='constrained')
    left, right = figure.subplots(1, 2, gridspec_kw={'width_ratios': (1.6, 1)})
    upwards = clip.keypoint.shape[3] > 2  # pixels count downwards
    shown = np.nan_to_num(clip.keypoint)
    draw_sequence(left, shown, clip.layout or layout, upwards=upwards)
    title = printable(f'{result.name}: {clip_length(clip)}')
    left.set_title(title, fontsize=10, loc='left')
    draw_scores(right, {'probability': probability}, result.classes, clip.label)
    right.set_title(printable(f'{result.label_name}'), fontsize=10, loc='left', fontweight='bold')
    save_figure(figure, path)


def clip_length(clip: SkeletonClip) -> str:
    """Count the frames and persons of a clip in words."""
    persons = int(clip.keypoint.any(axis=(1, 2, 3)).sum())
    return f'{counted(clip.keypoint.shape[1], "frame")}, {counted(persons, "person")}'


def overlay_result(
    result: InferenceResult, video: str | os.PathLike, path: str | os.PathLike, layout: str
) -> None:
    """Draw the skeleton, in pixels, and the best classes over the clip's video: .mp4 or .gif."""
    clip, _ = _drawn(result)
    if clip.keypoint.shape[3] != 2:
        raise ValueError(
            f'{result.name!r} has joints in {clip.keypoint.shape[3]} dimensions; only joints in '
            'pixels can be drawn over a video'
        )
    best = result.top(3)
    write_overlay(path, video, clip.keypoint, clip.layout or layout, lambda t: best)


def animate_result(result: InferenceResult, path: str | os.PathLike, layout: str) -> None:
    """Write the moving skeleton of a clip as ``.gif`` or ``.mp4``."""
    if result.clip is not None:
        write_motion(path, np.nan_to_num(result.clip.keypoint), result.clip.layout or layout)


def _drawn(result: InferenceResult) -> tuple[SkeletonClip, np.ndarray]:
    if result.clip is None or result.probability is None:
        raise ValueError(f'{result.name!r} has no scores to draw: {result.error}')
    return result.clip, result.probability
