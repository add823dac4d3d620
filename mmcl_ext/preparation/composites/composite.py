"""Composite images: a few person crops of a clip in one picture, in time order."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.file_name import file_name, sample_file
from mmcl_ext.fileio.image import decode_image
from mmcl_ext.fileio.printable import counted

ORDERS = ('ltr', 'rtl', 'ttb', 'btt')
"""Where time goes: left to right, right to left, top to bottom, bottom to top."""


def crop_person(frame: np.ndarray, box: np.ndarray, margin: float = 0.1) -> np.ndarray:
    """Cut a box x1, y1, x2, y2 out of a frame (H, W, ...), enlarged by a share of its sides.

    A ValueError if it is not finite, is empty or lies outside the frame.
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in box)
    if not (np.isfinite(box).all() and x1 < x2 and y1 < y2):
        raise ValueError(f'not a box: {(x1, y1, x2, y2)}, expected finite x1 < x2 and y1 < y2')
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise ValueError(f'box {(x1, y1, x2, y2)} is outside the {width}x{height} frame')
    pad_x, pad_y = margin * (x2 - x1), margin * (y2 - y1)
    left, top = max(int(np.floor(x1 - pad_x)), 0), max(int(np.floor(y1 - pad_y)), 0)
    right, bottom = min(int(np.ceil(x2 + pad_x)), width), min(int(np.ceil(y2 + pad_y)), height)
    if left >= right or top >= bottom:  # only a negative margin can do this
        raise ValueError(f'margin {margin} leaves nothing of box {(x1, y1, x2, y2)}')
    return frame[top:bottom, left:right]


def make_composite(
    frames: Sequence[np.ndarray],
    boxes: np.ndarray,
    *,
    size: tuple[int, int] = (480, 480),
    margin: float = 0.1,
    order: str = 'ltr',
) -> np.ndarray:
    """Crop the person in each frame and set the crops side by side (MMCL, Eq. 2).

    Every crop is resized to its tile without keeping the aspect ratio, as in IPP-Net. Frames (h, w,
    3), uint8, BGR, are in time order and may differ in size; ``boxes`` (m, 4) are x1, y1, x2, y2 in
    pixels of their frame; ``size`` is the width W and height H of the composite. A ValueError if
    frames and boxes do not fit, a frame is no BGR image, or unknown order.

    Returns:
        (H, W, 3) uint8, BGR. Place i spans the columns ``i * W // m`` to ``(i + 1) * W // m``,
        or rows of ``H`` likewise.
    """
    if order not in ORDERS:
        raise ValueError(f'unknown order {order!r}, expected one of {ORDERS}')
    boxes = np.asarray(boxes, dtype=np.float64)
    if not len(frames) or boxes.shape != (len(frames), 4):
        raise ValueError(f'expected boxes ({len(frames)}, 4), one a frame, got {boxes.shape}')
    width, height = size
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    places = _places(canvas, len(frames), order)
    for frame, box, place in zip(frames, boxes, places, strict=True):
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(f'expected a (H, W, 3) uint8 frame, got {frame.dtype} {frame.shape}')
        place[:] = _resize(crop_person(frame, box, margin), place.shape[1], place.shape[0])
    return canvas


def write_image(path: str | os.PathLike, image: np.ndarray, quality: int = 95) -> None:
    """Write a BGR or grey uint8 image so that a half-written file is never taken for a whole one.

    The ending of the path chooses the format, a ValueError if OpenCV cannot encode it; ``quality``
    (0 to 100) is that of JPEG.
    """
    path = Path(path)
    is_jpeg = path.suffix.lower() in ('.jpg', '.jpeg')
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if is_jpeg else []
    try:
        encoded, data = cv2.imencode(path.suffix, image, options)
    except cv2.error:
        encoded = False
    if not encoded:
        raise ValueError(f'cannot encode {image.dtype} {image.shape} as {path.name}')
    write_bytes(path, data.tobytes())


def _places(canvas: np.ndarray, count: int, order: str) -> list[np.ndarray]:
    """Cut a canvas (H, W, 3) into views for the tiles, in the order of time."""
    axis = 1 if order in ('ltr', 'rtl') else 0
    length = canvas.shape[axis]
    edges = np.arange(count + 1) * length // count
    if min(canvas.shape) < 1 or (np.diff(edges) < 1).any():
        size = (canvas.shape[1], canvas.shape[0])
        raise ValueError(f'size {size} has no room for {counted(count, "tile")}')
    places = np.split(canvas, edges[1:-1], axis=axis)
    return places[::-1] if order in ('rtl', 'btt') else places


def _resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = image.shape[1] >= width and image.shape[0] >= height
    # Area averaging is free of aliasing but turns into nearest neighbour when it enlarges.
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=interpolation)


def write_contact_sheets(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    names: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
) -> list[Path]:
    """Write a picture ``<label>_<class>.jpg`` per class of the composites of its samples.

    It shows 64 at most, a cross for a sample without a composite. Returns the files.
    """
    written = []
    for label in sorted({int(label) for label in labels}):
        chosen = [n for n, k in zip(names, labels, strict=True) if k == label][:64]
        cells = [_cell(sample_file(folder, name, '.jpg'), name) for name in chosen]
        path = Path(out) / f'{label:03d}_{file_name(classes[label], set())}.jpg'
        write_image(path, _grid(cells), quality=85)
        written.append(path)
    return written


def _cell(path: Path, name: str, side: int = 160) -> np.ndarray:
    cell = np.full((side + 16, side + 4, 3), 60, dtype=np.uint8)
    image = decode_image(path.read_bytes()) if path.exists() else None
    if image is None:
        center, red = (side // 2, side // 2), (0, 0, 255)
        cv2.drawMarker(cell, center, red, cv2.MARKER_TILTED_CROSS, side, thickness=6)
    else:
        cell[:side, :side] = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    anchor = (2, side + 12)
    cv2.putText(cell, name, anchor, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return cell


def _grid(cells: list[np.ndarray]) -> np.ndarray:
    columns = min(8, len(cells))
    cells = cells + [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)
