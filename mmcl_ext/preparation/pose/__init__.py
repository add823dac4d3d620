"""Poses from images and videos: estimators, following of persons, metric camera space."""

from mmcl_ext.preparation.pose.blazepose import BlazePose
from mmcl_ext.preparation.pose.mmpose import MMPose
from mmcl_ext.preparation.pose.pose_estimator import (
    PRESETS,
    FramePoses,
    PoseEstimator,
    build_pose_estimator,
)
from mmcl_ext.preparation.pose.registry import POSE_ESTIMATORS
from mmcl_ext.preparation.pose.rtmpose import RTMPose
from mmcl_ext.preparation.pose.video_poses import PoseTracks, VideoPoses, estimate_video

__all__ = [
    'POSE_ESTIMATORS',
    'PRESETS',
    'BlazePose',
    'FramePoses',
    'MMPose',
    'PoseEstimator',
    'PoseTracks',
    'RTMPose',
    'VideoPoses',
    'build_pose_estimator',
    'estimate_video',
]
