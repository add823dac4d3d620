"""Prediction from skeletons of any source, clip by clip or as a stream."""

from mmcl_ext.inference.inference_result import InferenceResult
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.read_clips import read_clips
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.inference.streaming_inferencer import StreamingInferencer, StreamPrediction

__all__ = [
    'InferenceResult',
    'MMCLInferencer',
    'SkeletonClip',
    'StreamPrediction',
    'StreamingInferencer',
    'read_clips',
]
