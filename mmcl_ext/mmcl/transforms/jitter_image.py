from typing import Any

import cv2
import numpy as np

from mmcl_ext.datasets.transforms.geometry import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class JitterImage(PrintableTransform):
    """Shift, zoom and relight ``image``, uint8 (3, H, W), at random.

    There is no mirroring: it would turn the time order of a composite's tiles round, and the left
    hand into the right one. The arguments, in [0, 1), are the largest shift as a share of height
    and width, change of size, and change of contrast and of brightness as a share of 255.
    """

    def __init__(self, shift: float = 0.08, zoom: float = 0.1, light: float = 0.2) -> None:
        for name, value in (('shift', shift), ('zoom', zoom), ('light', light)):
            if not 0 <= value < 1:
                raise ValueError(f'{name} must lie in [0, 1), got {value}')
        self.shift, self.zoom, self.light = shift, zoom, light

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change the image."""
        image = np.ascontiguousarray(results['image'].transpose(1, 2, 0))  # (H, W, 3)
        moved = self._move(image).astype(np.float32)
        contrast, brightness = np.random.uniform(-self.light, self.light, 2)
        mean = moved.mean()
        lit = (moved - mean) * (1 + contrast) + mean + 255 * brightness
        # Rounded, not cut off: without any change the image comes back as it was.
        lit = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
        results['image'] = np.ascontiguousarray(lit.transpose(2, 0, 1))
        return results

    def _move(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        scale = 1 + np.random.uniform(-self.zoom, self.zoom)
        dx, dy = np.random.uniform(-self.shift, self.shift, 2) * (width, height)
        center = ((width - 1) / 2, (height - 1) / 2)
        matrix = cv2.getRotationMatrix2D(center, 0.0, scale)
        matrix[:, 2] += (dx, dy)
        return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
