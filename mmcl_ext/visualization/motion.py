"""Skeletons in motion, as an animated GIF or a video."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmcl_ext.fileio.atomic_file import atomic_path
from mmcl_ext.graphs.layouts import resolve_layout
from mmcl_ext.visualization.skeleton_plot import SIDE_COLOURS, bone_sides

_BACKGROUND = 255
_MARGIN = 0.06
_SHIFT = 4  # OpenCV draws at a sixteenth of a pixel
_COLOURS = {
    side: tuple(int(code[i : i + 2], 16) for i in (1, 3, 5)) for side, code in SIDE_COLOURS.items()
}


def motion_frames(
    keypoint: np.ndarray, layout: Any, *, height: int = 320, picture: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Draw every frame of (M, T, V, C) from the front and, in three dimensions, from the side.

    The view holds still and takes in the whole sequence; y goes upwards in three dimensions,
    downwards in two. Coordinates that are not finite and absent joints (all zero) are left out.
    A ``picture``, (H, W, 3) uint8, RGB, is shown beside every frame. Yields uint8, RGB,
    (height, width, 3), with even width; a ValueError if the coordinates do not fit the layout.
    """
    layout = resolve_layout(layout)
    if keypoint.ndim != 4 or keypoint.shape[2:] not in [(layout.num_joints, C) for C in (2, 3)]:
        raise ValueError(
            f'expected (M, T, {layout.num_joints}, 2 or 3) for layout {layout.name!r}, '
            f'got {keypoint.shape}'
        )
    seen = keypoint.any(axis=-1) & np.isfinite(keypoint).all(axis=-1)  # (M, T, V)
    views = [_to_pixels(view, seen, height) for view in _views(keypoint)]
    sides = bone_sides(layout)
    beside = [] if picture is None else [_scaled(picture, height)]
    for t in range(keypoint.shape[1]):
        panels = []
        for pixels, width in views:
            panel = np.full((height, width, 3), _BACKGROUND, np.uint8)
            for person, there in zip(pixels[:, t], seen[:, t], strict=True):
                draw_body(panel, person, there, layout.edges, sides)
            panels.append(panel)
        frame = np.hstack([*panels, *beside])
        yield frame[:, : frame.shape[1] // 2 * 2]


def write_motion(
    path: str | os.PathLike,
    keypoint: np.ndarray,
    layout: Any,
    *,
    fps: float = 30.0,
    height: int = 320,
    picture: np.ndarray | None = None,
) -> None:
    """Write the frames of :func:`motion_frames` as :func:`write_frames` does."""
    frames = motion_frames(keypoint, layout, height=height // 2 * 2, picture=picture)
    write_frames(path, frames, fps)


def write_frames(path: str | os.PathLike, frames: Iterator[np.ndarray], fps: float = 30.0) -> None:
    """Write images as ``.gif`` or ``.mp4``; the file appears when it is whole, with its folder.

    The images are uint8, RGB, (H, W, 3), all of one size, even for ``.mp4``. A GIF counts ``fps``,
    frames per second, in hundredths of a second. A ValueError if the ending is neither, or the
    frame rate is not positive; an OSError if OpenCV has no encoder for MP4.
    """
    path = Path(path)
    writers = {'.gif': _write_gif, '.mp4': _write_mp4}
    if path.suffix not in writers or fps <= 0:
        raise ValueError(f'cannot write {path.name} at {fps} fps: known are {sorted(writers)}')
    with atomic_path(path) as temporary:
        writers[path.suffix](temporary, frames, fps)


def _write_gif(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    octree = Image.Quantize.FASTOCTREE  # twenty times as fast as the default
    images = [Image.fromarray(frame).quantize(128, octree) for frame in frames]
    duration = max(round(100 / fps), 2) * 10  # browsers slow down below 20 ms
    images[0].save(path, save_all=True, append_images=images[1:], duration=duration, loop=0)


def _write_mp4(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    first = next(frames)
    size = first.shape[1], first.shape[0]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), fps, size)
    if not writer.isOpened():
        raise OSError(f'OpenCV cannot encode MP4 here; write {path.stem}.gif instead')
    try:
        for frame in (first, *frames):
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
    finally:
        writer.release()


def _views(keypoint: np.ndarray) -> list[np.ndarray]:
    """Return the views (M, T, V, 2), to the right and downwards, of the front and the side."""
    if keypoint.shape[-1] == 2:
        return [keypoint]
    x, y, z = np.moveaxis(keypoint, -1, 0)
    return [np.stack([x, -y], axis=-1), np.stack([z, -y], axis=-1)]


def _to_pixels(view: np.ndarray, seen: np.ndarray, height: int) -> tuple[np.ndarray, int]:
    """Scale a view so that all that is seen fits; return the pixels and the width."""
    points = view[seen] if seen.any() else np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.maximum(high - low, 1e-6)
    scale = (1 - 2 * _MARGIN) * height / max(extent[1], extent[0] / 2)  # at most twice as wide
    width = int(max(extent[0] * scale + 2 * _MARGIN * height, height / 2)) // 2 * 2
    middle = (low + high) / 2
    return (view - middle) * scale + (width / 2, height / 2), width


def draw_body(
    panel: np.ndarray,
    pixels: np.ndarray,
    seen: np.ndarray,
    edges: tuple[tuple[int, int], ...],
    sides: list[str],
    thickness: int | None = None,
) -> None:
    """Draw the bones and joints of one body into an image (H, W, 3), uint8, RGB.

    ``pixels`` (V, 2) go to the right and downwards, ``seen`` is bool, (V,), and ``sides`` come from
    :func:`bone_sides`. Without a thickness, bones suit a body as high as the image.
    """
    thickness = thickness or max(len(panel) // 110, 1)
    fixed = np.where(seen[:, None], pixels * 2**_SHIFT, 0).round().astype(int).tolist()
    for (child, parent), side in zip(edges, sides, strict=True):
        if seen[child] and seen[parent]:
            ends = fixed[child], fixed[parent]
            cv2.line(panel, *ends, _COLOURS[side], thickness, cv2.LINE_AA, _SHIFT)
    for joint in np.flatnonzero(seen).tolist():
        radius = thickness * 2**_SHIFT
        cv2.circle(panel, fixed[joint], radius, (34, 34, 34), -1, cv2.LINE_AA, _SHIFT)


def _scaled(picture: np.ndarray, height: int) -> np.ndarray:
    width = round(picture.shape[1] * height / picture.shape[0])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
