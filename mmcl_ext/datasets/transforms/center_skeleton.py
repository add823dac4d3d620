"""Translation to a body's own origin."""

from typing import Any

from mmcl_ext.datasets.transforms.geometry import real_frames, translate
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CenterSkeleton(PrintableTransform):
    """Move the origin to a joint of person 0 in that person's first real frame.

    One translation for all persons and frames, as in CTR-GCN's preparation of
    NTU RGB+D. Frames of a person that are all zero (nobody there) stay zero; a
    sequence without person 0 is left as it is.

    Modified keys: ``keypoint`` (M, T, V, C).

    Args:
        joint: The joint, counted from 0; 1 is the middle of the spine of a Kinect.
    """

    def __init__(self, joint: int = 1) -> None:
        self.joint = joint

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Translate the coordinates."""
        keypoint = results['keypoint']
        if not 0 <= self.joint < keypoint.shape[2]:
            raise ValueError(f'joint {self.joint} is outside the {keypoint.shape[2]} joints')
        real = real_frames(keypoint)  # (M, T)
        if not real[0].any():
            return results
        origin = keypoint[0, real[0].argmax(), self.joint]
        centered = translate(keypoint, -origin)
        if not real.all():
            centered[~real] = 0
        results['keypoint'] = centered
        return results
