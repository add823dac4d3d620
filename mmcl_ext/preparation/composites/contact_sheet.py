"""Contact sheets: many composites of one class at a glance."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmcl_ext.preparation.composites.composite import write_image


def write_contact_sheets(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    names: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    thumbnail: int = 160,
    columns: int = 8,
    limit: int = 64,
) -> list[Path]:
    """Write a picture ``<label>_<class>.jpg`` per class of the composites of its samples.

    ``thumbnail`` is the side of an image in pixels, ``columns`` how many stand in a row, ``limit``
    the most of a class; a sample without a composite shows as a cross. Returns the files.
    """
    written = []
    for label in sorted({int(label) for label in labels}):
        chosen = [n for n, k in zip(names, labels, strict=True) if k == label][:limit]
        cells = [_cell(Path(folder) / f'{name}.jpg', name, thumbnail) for name in chosen]
        safe = ''.join(c if c.isalnum() or c in '-_' else '_' for c in classes[label])
        path = Path(out) / f'{label:03d}_{safe}.jpg'
        write_image(path, _grid(cells, columns), quality=85)
        written.append(path)
    return written


def _cell(path: Path, name: str, side: int) -> np.ndarray:
    cell = np.full((side + 16, side + 4, 3), 60, dtype=np.uint8)
    image = cv2.imread(str(path)) if path.exists() else None
    if image is None:
        center, red = (side // 2, side // 2), (0, 0, 255)
        cv2.drawMarker(cell, center, red, cv2.MARKER_TILTED_CROSS, side, thickness=6)
    else:
        cell[:side, :side] = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    anchor = (2, side + 12)
    cv2.putText(cell, name, anchor, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return cell


def _grid(cells: list[np.ndarray], columns: int) -> np.ndarray:
    columns = min(columns, len(cells))
    cells = cells + [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)
