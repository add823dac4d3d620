"""Person boxes from two-dimensional skeletons in pixels of the video."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.printable import counted

_FAR = 1e6  # pixels


class PixelBoxes:
    """Boxes around the joints of a store of two-dimensional skeletons, one for each frame.

    Several persons of a frame get the union of their boxes; the first ones of a sample count, which
    in pose estimators' results are the surest. Joints at zero, without a finite place or, where the
    store has scores, of one below ``min_score`` count as absent. ``padding`` is the share of the
    longer side of the joints' box that is added on every side: joints lie inside the body. A
    ValueError if the skeletons are not two-dimensional.
    """

    padding, max_persons, min_score = 0.05, 2, 0.2

    def __init__(self, store: SkeletonStore) -> None:
        if store.num_channels != 2:
            raise ValueError(
                f'{store.path} has {counted(store.num_channels, "coordinate")} per joint: boxes '
                'need two-dimensional skeletons in pixels'
            )
        self.store = store
        self._indices = {name: index for index, name in enumerate(store.names)}

    @property
    def metadata(self) -> dict[str, Any]:
        """How the boxes are made."""
        settings = ('padding', 'max_persons', 'min_score')
        found = {key: getattr(self, key) for key in settings}
        return {'source': 'two-dimensional skeletons', **found}

    def __contains__(self, name: object) -> bool:
        return name in self._indices

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Box the persons of a sample: boxes (T, 4) in pixels, not clipped, and (T,) bool.

        Where that is False no joint is there, and the box is larger than any image. A ValueError
        if the coordinates cannot be pixels.
        """
        keypoint = self.store.keypoint(self._indices[name])[: self.max_persons]  # (M, T, V, 2)
        present = np.isfinite(keypoint).all(-1) & keypoint.any(-1)
        score = self.store.keypoint_score(self._indices[name])
        if score is not None:
            present &= score[: self.max_persons] >= self.min_score
        if present.any() and np.abs(keypoint[present]).max() <= 2:
            raise ValueError(f'{self.store.path}: sample {name!r}: coordinates are not pixels')
        present = present[..., None]
        low = keypoint.min((0, 2), initial=np.inf, where=present)  # (T, 2)
        high = keypoint.max((0, 2), initial=-np.inf, where=present)
        found = (high > low).all(1)
        low[~found], high[~found] = -_FAR, _FAR  # whoever knows the frame clips it to that
        reach = self.padding * (high - low).max(1, keepdims=True)
        return np.concatenate([low - reach, high + reach], axis=1), found

    def frame_numbers(self, name: str) -> np.ndarray:
        """Number the frames of a sample: all of the video, from 0."""
        return np.arange(self.num_frames(name))

    def num_frames(self, name: str) -> int:
        """Tell how many frames the skeleton has."""
        return int(self.store.num_frames[self._indices[name]])

    def image_size(self, name: str) -> tuple[int, int] | None:
        """Tell width and height of the frames where the store has them from a pickle."""
        shapes = (self.store.metadata.get('annotation_fields') or {}).get('img_shape')
        if not shapes:
            return None
        shape = shapes[self._indices[name] if len(shapes) > 1 else 0]
        return None if shape is None else (int(shape[1]), int(shape[0]))
