from dataclasses import dataclass

import numpy as np

from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.inference.streaming_inferencer import StreamingInferencer


@dataclass(frozen=True, eq=False)
class ScoreTimeline:
    """Scores (W, K) of a window that slides over a clip, by its last frames (W,); W may be 0."""

    frames: np.ndarray
    probability: np.ndarray
    window: int
    num_frames: int


def score_timeline(
    inferencer: MMCLInferencer, clip: SkeletonClip, *, window: int = 48, points: int = 24
) -> ScoreTimeline:
    """Predict a clip as a stream, by ``points`` windows of at most half the clip's frames."""
    if window < 1 or points < 2:
        raise ValueError(
            f'window must be positive and points at least 2, got {window} and {points}'
        )
    frames = clip.keypoint.shape[1]
    window = min(window, max(frames // 2, 1))
    stream = StreamingInferencer(
        inferencer,
        window=window,
        stride=max(-(-(frames - window) // (points - 1)), 1),
        num_slots=len(clip.keypoint),
        layout=clip.layout,
        extra=clip.extra,
    )
    scores = clip.keypoint_score
    found = [
        stream.push(clip.keypoint[:, t], None if scores is None else scores[:, t])
        for t in range(frames)
    ]
    seen = [prediction for prediction in found if prediction is not None]
    probability = np.array([prediction.probability for prediction in seen], np.float32)
    return ScoreTimeline(
        np.array([prediction.frame for prediction in seen], np.int64),
        probability.reshape(len(seen), len(inferencer.classes)),
        window,
        frames,
    )
