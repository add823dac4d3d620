"""Uses of MMAction2 that need a repair, for ``test_compat.py`` and its bare subprocesses.

Nothing here imports mmcl_ext: the same functions run without the repairs.
"""

import importlib.metadata
import sys
import types
from pathlib import Path

import numpy as np


def hide_import_faults() -> None:
    """Let MMAction2 be imported without the repairs, so that its other faults can be seen."""

    def no_distribution(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    metadata = types.ModuleType('importlib_metadata')
    metadata.PackageNotFoundError = importlib.metadata.PackageNotFoundError
    metadata.distribution = no_distribution  # no transformers, hence no VindLU
    sys.modules['importlib_metadata'] = metadata
    hide_drn_fault()


def hide_drn_fault() -> None:
    name = 'mmaction.models.localizers.drn'
    package, leaf = types.ModuleType(name), types.ModuleType(f'{name}.drn')
    package.__path__ = []
    leaf.DRN = type('DRN', (), {})
    sys.modules.update({name: package, f'{name}.drn': leaf})


def compact_pose(folder: Path) -> tuple[tuple[int, int], list[float]]:
    """Return the image size and the first joint after cropping to joints in 10-50 by 20-60."""
    from mmaction.datasets.transforms.pose_transforms import PoseCompact

    keypoint = np.array([[[[10.0, 20.0], [50.0, 60.0]]]])
    results = PoseCompact(padding=0.25).transform({'keypoint': keypoint, 'img_shape': (100, 100)})
    return results['img_shape'], results['keypoint'][0, 0, 0].tolist()


def recall_of_retrieval(folder: Path) -> list[float]:
    """Return recall at 1 and at 2 where one of two targets stands second."""
    from mmaction.evaluation.metrics.multimodal_metric import RetrievalRecall

    pred, target = [np.array([0, 1]), np.array([2, 3])], [np.array([1]), np.array([0])]
    recalls = RetrievalRecall.calculate(pred, target, (1, 2), True, True)
    return [float(recall) for recall in recalls]


def area_under_recall(folder: Path) -> float:
    """Return the area for one proposal that hits: recall 0 up to 99 %, then 1."""
    from mmaction.evaluation.functional.accuracy import average_recall_at_avg_proposals

    truth, proposals = np.array([[0.0, 10.0]]), np.array([[0.0, 10.0, 1.0]])
    return float(average_recall_at_avg_proposals({'v': truth}, {'v': proposals}, 1)[3])


def extract_frames(folder: Path) -> list[tuple[int, ...]]:
    """Return the shapes of frames of 8 by 16 pixels, resized to a short side of 4."""
    import cv2
    from mmaction.utils.misc import frame_extract

    video = str(folder / 'video.avi')
    writer = cv2.VideoWriter(video, cv2.VideoWriter_fourcc(*'MJPG'), 10, (16, 8))
    for _ in range(2):
        writer.write(np.zeros((8, 16, 3), np.uint8))
    writer.release()
    return [frame.shape for frame in frame_extract(video, 4, str(folder))[1]]


NUMPY_CASES = {
    'Inf in pose transforms': (compact_pose, ((50, 50), [5.0, 5.0])),
    'in1d in metrics': (recall_of_retrieval, [0.0, 50.0]),
    'trapz in metrics': (area_under_recall, 0.5),
    'Inf in utilities': (extract_frames, [(4, 8, 3), (4, 8, 3)]),
}
