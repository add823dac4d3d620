"""Skeletons and scores drawn over the video that they come from."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from mmcl_ext.graphs.layouts import resolve_layout
from mmcl_ext.preparation.videos.video import iter_frames, video_rate
from mmcl_ext.visualization.motion import draw_body, write_frames
from mmcl_ext.visualization.skeleton_plot import bone_sides

Scores = Sequence[tuple[str, float]]
People = tuple[np.ndarray, Sequence[str]]
"""Boxes (M, T, 4) x1, y1, x2, y2 in pixels, and a text for each of the M persons."""


def overlay_frames(
    images: Iterator[np.ndarray],
    keypoint: np.ndarray,
    layout: Any,
    scores: Callable[[int], Scores],
    people: People | None = None,
) -> Iterator[np.ndarray]:
    """Draw the skeletons of frame t, and the classes of ``scores(t)``, over image t.

    The images are uint8, RGB, (H, W, 3); those after the last skeleton stay without one. Joints
    (M, T, V, 2) are in pixels, absent ones zero. ``people``: a box around each person, and a text.
    Yields images with even height and width; a ValueError if the joints are not two-dimensional or
    do not fit the layout.
    """
    layout = resolve_layout(layout)
    if keypoint.ndim != 4 or keypoint.shape[2:] != (layout.num_joints, 2):
        raise ValueError(
            f'an overlay takes joints (M, T, {layout.num_joints}, 2) in pixels for layout '
            f'{layout.name!r}, got {keypoint.shape}'
        )
    sides = bone_sides(layout)
    seen = keypoint.any(axis=-1) & np.isfinite(keypoint).all(axis=-1)  # (M, T, V)
    for t, image in enumerate(images):
        image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2].copy()
        if t < keypoint.shape[1]:
            for person, there in zip(keypoint[:, t], seen[:, t], strict=True):
                draw_body(image, person, there, layout.edges, sides, max(len(image) // 250, 2))
            _draw_people(image, seen[:, t].any(axis=1), t, people)
        draw_score_panel(image, scores(t))
        yield image


def _draw_people(image: np.ndarray, present: np.ndarray, t: int, people: People | None) -> None:
    """Draw the boxes of frame t round those who are present, with their texts above."""
    if people is None:
        return
    font, size = cv2.FONT_HERSHEY_SIMPLEX, max(len(image) / 900, 0.4)
    for box, text in zip(people[0][present, t], np.array(people[1])[present], strict=True):
        x1, y1, x2, y2 = box.round().astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), (255, 255, 255), max(len(image) // 500, 1))
        (width, height), below = cv2.getTextSize(text, font, size, 1)
        base = max(y1 - below, height)
        cv2.rectangle(image, (x1, base - height), (x1 + width, base + below), (0, 0, 0), -1)
        cv2.putText(image, text, (x1, base), font, size, (255, 255, 255), 1, cv2.LINE_AA)


def draw_score_panel(image: np.ndarray, scores: Scores) -> None:
    """Write classes with bars as long as their probabilities into the top left corner."""
    line = max(len(image) // 22, 14)
    size = line / 32
    width = min(line * 13, image.shape[1])
    panel = image[: line * len(scores) + line // 2, :width]
    panel[:] = panel // 3  # darker, so that white text can be read on anything
    for i, (name, probability) in enumerate(scores):
        top, bottom = i * line + line // 4, (i + 1) * line
        length = int(width * min(max(probability, 0), 1))
        cv2.rectangle(image, (0, top), (length, bottom), (76, 114, 176), -1)
        text = f'{name} {probability:.2f}'
        place = (line // 4, bottom - line // 5)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (255,) * 3, 1, cv2.LINE_AA)


def write_overlay(
    path: str | os.PathLike,
    video: str | os.PathLike,
    keypoint: np.ndarray,
    layout: Any,
    scores: Callable[[int], Scores],
    people: People | None = None,
) -> None:
    """Write a video with skeletons and scores over it, see :func:`overlay_frames`."""
    if not os.path.exists(video):
        raise FileNotFoundError(f'there is no video {os.fspath(video)!r}')
    images = (np.ascontiguousarray(image[..., ::-1]) for _, image in iter_frames(video))
    frames = overlay_frames(images, keypoint, layout, scores, people)
    write_frames(path, frames, video_rate(video))
