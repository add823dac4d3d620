"""The last step before packing: a fixed number of persons."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FormatSkeleton(PrintableTransform):
    """Bring a sample to a fixed number of persons and split it into clips.

    Missing persons are zero, or copies of person 0 (``pad='copy'``, as in CTR-GCN's
    NTU RGB+D 120 arrays of single persons); surplus ones are left out.

    Modified keys: ``keypoint`` (M, num_clips * T, V, C) becomes a contiguous
    (num_clips, num_person, T, V, C); ``num_clips`` is 1 where nobody set it.

    Args:
        num_person: Persons wanted.
        pad: ``'zero'`` or ``'copy'``.
    """

    def __init__(self, num_person: int = 2, pad: str = 'zero') -> None:
        if pad not in ('zero', 'copy'):
            raise ValueError(f"pad is 'zero' or 'copy', got {pad!r}")
        if num_person < 1:
            raise ValueError(f'num_person must be positive, got {num_person}')
        self.num_person = num_person
        self.pad = pad

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pad or cut the persons and put the clips in front."""
        keypoint = results['keypoint'][: self.num_person]
        num_clips = results.get('num_clips', 1)
        M, T, V, C = keypoint.shape
        if T % num_clips:
            raise ValueError(f'{T} frames cannot be split into {num_clips} clips')
        formatted = np.zeros((num_clips, self.num_person, T // num_clips, V, C), np.float32)
        formatted[:, :M] = keypoint.reshape(M, num_clips, -1, V, C).swapaxes(0, 1)
        if self.pad == 'copy':
            formatted[:, M:] = formatted[:, :1]
        results['keypoint'] = formatted
        results['num_person'] = self.num_person
        return results
