import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmcl_ext.config.command_line import OptionsAction, finite_number
from mmcl_ext.preparation.pose.pose_estimator import PoseEstimator, build_pose_estimator
from mmcl_ext.preparation.pose.video_poses import VideoPoses, estimate_video


@dataclass(frozen=True)
class PoseSettings:
    """How skeletons come out of videos.

    Attributes:
        name: See :func:`build_pose_estimator`, like ``options``.
        focal: Focal length in pixels, see :func:`~camera_space.camera_space`.
        mirrored: The videos are mirror images.
        fill_gaps: Frames of the longest gap to interpolate; 0 fills none.
        smooth: Frames to smooth over; 0 does not.
    """

    name: str = 'blazepose-full'
    options: Mapping[str, Any] = field(default_factory=dict)
    focal: float | None = None
    mirrored: bool = False
    fill_gaps: int = 0
    smooth: int = 0

    def __post_init__(self) -> None:
        if self.fill_gaps < 0 or self.smooth < 0 or (self.focal is not None and not self.focal > 0):
            raise ValueError(
                f'fill_gaps and smooth must not be negative, focal must be positive; got '
                f'{self.fill_gaps}, {self.smooth} and {self.focal}'
            )

    @classmethod
    def of(cls, args: argparse.Namespace) -> 'PoseSettings':
        """Take the options of :func:`add_pose_options`."""
        return cls(
            args.pose, args.pose_options, args.focal, args.mirrored, args.fill_gaps, args.smooth
        )

    def build(self) -> PoseEstimator:
        """Build the estimator, see :func:`build_pose_estimator`."""
        return build_pose_estimator(self.name, **self.options)

    def estimate(self, path: str, estimator: PoseEstimator) -> VideoPoses:
        """Find the persons of a video, see :func:`estimate_video`; with gaps filled and smoothed.

        The joints stay where they are in the video's pixels, mirror image or not.
        """
        poses = estimate_video(path, estimator)
        poses = poses.filled(self.fill_gaps) if self.fill_gaps else poses
        return poses.smoothed(self.smooth) if self.smooth else poses

    def joints(self, poses: VideoPoses, metric: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return joints (M, T, V, 3) in metres, or (M, T, V, 2) in pixels, and their scores.

        They are those of the true body, also where the video is a mirror image.
        """
        poses = poses.mirrored() if self.mirrored else poses
        return poses.in_camera(self.focal) if metric else poses.keypoint, poses.score


def add_pose_options(parser: argparse.ArgumentParser) -> None:
    """Add how skeletons come out of videos."""
    group = parser.add_argument_group('poses from videos')
    group.add_argument(
        '--pose',
        default='blazepose-full',
        help='pose estimator: blazepose-lite, -full, -heavy, rtmpose, or a model of MMPose',
    )
    group.add_argument(
        '--pose-options', nargs='+', action=OptionsAction, default={}, help='such as max_persons=1'
    )
    group.add_argument('--focal', type=finite_number, help='focal length of the camera in pixels')
    group.add_argument('--mirrored', action='store_true', help='the video is a mirror image')
    group.add_argument('--fill-gaps', type=int, default=0, help='longest gap to interpolate')
    group.add_argument('--smooth', type=int, default=0, help='frames to smooth joints over')
