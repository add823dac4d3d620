from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.pose_results import read_pose_frame
from mmcl_ext.graphs.layouts import load_layout
from mmcl_ext.preparation.pose.pose_estimator import FramePoses, PoseEstimator
from mmcl_ext.preparation.pose.registry import POSE_ESTIMATORS


@POSE_ESTIMATORS.register_module()
class MMPose(PoseEstimator):
    """A two-dimensional pose estimator of MMPose, which is not a dependency of this package.

    The ``model`` is one of its models, such as ``'rtmpose-m'``, or a configuration of it. An
    ImportError if MMPose is not installed; a ValueError if the layout is unknown.
    """

    def __init__(self, model: str, layout: str = 'coco', device: str = 'cpu') -> None:
        self.layout = load_layout(layout)
        try:
            from mmpose.apis import MMPoseInferencer
        except ImportError as error:
            raise ImportError(
                f'pose estimator {model!r}: MMPose cannot be imported ({error}); see '
                'https://mmpose.readthedocs.io/en/latest/installation.html'
            ) from error
        self._estimate: Any = MMPoseInferencer(pose2d=model, device=device)

    def __call__(self, image: np.ndarray) -> FramePoses:
        """Find the persons of an image, (H, W, 3) uint8 BGR."""
        instances = next(self._estimate(image, return_vis=False))['predictions'][0]
        return FramePoses(*read_pose_frame(instances)[:2])
