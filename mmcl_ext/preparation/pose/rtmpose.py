import contextlib
import io
import os
from typing import Any

import numpy as np

from mmcl_ext.preparation.pose.pose_estimator import FramePoses, PoseEstimator
from mmcl_ext.preparation.pose.registry import POSE_ESTIMATORS

INSTALL = 'pip install -c requirements/constraints.txt onnxruntime && pip install --no-deps rtmlib'
MODES = ('lightweight', 'balanced', 'performance')


@POSE_ESTIMATORS.register_module()
class RTMPose(PoseEstimator):
    """RTMPose's 17 joints of COCO (Jiang et al., arXiv 2303.07399), by the package rtmlib.

    YOLOX finds the persons of each image, RTMPose the joints of each person. An ImportError if
    rtmlib is not installed, which says which command installs it; a FileNotFoundError if there is
    no such file, or it cannot be downloaded; a ValueError if a file is no such network, or the mode
    is unknown.

    Args:
        pose: ONNX file of RTMPose, as MMPose's deployment exports it; None takes the one of
            ``mode``, which rtmlib downloads.
        detector: ONNX file of YOLOX; likewise.
        mode: rtmlib's choice of networks: ``'lightweight'``, ``'balanced'`` or ``'performance'``.
        device: ``'cpu'`` or ``'cuda'``.
    """

    layout = 'coco'

    def __init__(
        self,
        pose: str | os.PathLike | None = None,
        detector: str | os.PathLike | None = None,
        mode: str = 'balanced',
        device: str = 'cpu',
    ) -> None:
        if mode not in MODES:
            raise ValueError(f'mode is one of {MODES}, got {mode!r}')
        try:
            from rtmlib import YOLOX, Body
            from rtmlib import RTMPose as Pose
        except ImportError as error:
            raise ImportError(f'RTMPose needs rtmlib ({error}): `{INSTALL}`') from error
        self._pose = _open(Pose, pose or Body.MODE[mode]['pose'], device)
        self._detect = _open(YOLOX, detector or Body.MODE[mode]['det'], device)

    def __call__(self, image: np.ndarray) -> FramePoses:
        """Find the persons of an image, (H, W, 3) uint8 BGR."""
        boxes = np.asarray(self._detect(image), np.float32).reshape(-1, 4)
        if not len(boxes):  # rtmlib would take the whole image for a person
            return FramePoses(np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.float32))
        keypoints, scores = self._pose(image, bboxes=boxes)
        order = np.argsort(-scores.mean(axis=1), kind='stable')
        score = np.clip(scores[order], 0, 1).astype(np.float32)
        return FramePoses(keypoints[order].astype(np.float32), score)


def _open(kind: Any, file: str | os.PathLike, device: str) -> Any:
    """Open a network with the size of input that it was exported for."""
    path = os.fspath(file)
    if '://' not in path and not os.path.isfile(path):
        raise FileNotFoundError(f'there is no network {path!r}')
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # rtmlib says what it loads
            network = kind(path, backend='onnxruntime', device=device)
        height, width = network.session.get_inputs()[0].shape[2:]
    except OSError as error:
        raise FileNotFoundError(f'{path} cannot be downloaded ({error}): name a file') from error
    except Exception as error:  # ONNX Runtime's errors share no base class
        reason = str(error).strip().partition('\n')[0]
        raise ValueError(f'{path} is no network of {kind.__name__}: {reason}') from error
    if isinstance(height, int) and isinstance(width, int):
        network.model_input_size = (width, height)
    return network
