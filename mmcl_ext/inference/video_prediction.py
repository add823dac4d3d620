"""Actions of each person of a video, and of all together."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.fileio.atomic_file import atomic_path, write_bytes
from mmcl_ext.fileio.printable import counted
from mmcl_ext.inference.clip_preparation import takes_metres
from mmcl_ext.inference.inference_report import table_row
from mmcl_ext.inference.inference_result import InferenceResult
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.segments import Localization, SegmentSettings, localize
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.preparation.pose.pose_estimator import PoseEstimator
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.pose.video_poses import VideoPoses
from mmcl_ext.preparation.videos.decoders.image_decoder import is_image_folder
from mmcl_ext.preparation.videos.video_folder import VIDEO_SUFFIXES
from mmcl_ext.visualization.overlay import People, write_overlay


@dataclass(frozen=True, eq=False)
class VideoPrediction:
    """What a model makes of a video.

    Attributes:
        poses: The persons, in pixels of the video.
        scene: The prediction from all persons together; a failure where nobody was found.
        persons: The prediction from each person alone, in the order of ``poses``.
        segments: The actions over time of the scene, then of each person; empty if not asked for.
    """

    path: str
    poses: VideoPoses
    scene: InferenceResult
    persons: tuple[InferenceResult, ...]
    segments: tuple[Localization, ...] = ()

    def spans(self) -> list[tuple[float, float]]:
        """Seconds at which each person is seen first and last."""
        seen = [np.flatnonzero(row)[[0, -1]] for row in self.poses.present]
        return [(float(a), float(b)) for a, b in (self.poses.times[ends] for ends in seen)]

    def rows(self, k: int = 5) -> list[str]:
        """Write a line for the scene and one for each person, with their segments below."""
        lines = [table_row(self.scene, k)]
        if len(self.segments) > 2:  # of one person the scene has the same ones
            lines += self.segments[0].rows()
        for number, (result, (start, end)) in enumerate(
            zip(self.persons, self.spans(), strict=True), 1
        ):
            name = f'  person {number}, {start:.1f}-{end:.1f} s'
            lines.append(table_row(result, k, name=name))
            lines += self.segments[number].rows('    ') if self.segments else []
        if self.poses.problem:
            lines.append(f'note: {self.poses.problem}')
        return lines

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """Return plain values for a JSON file: the scene, the video and the persons."""
        poses = self.poses
        video = dict(
            frames=len(poses.times), fps=poses.fps, size=list(poses.size), problem=poses.problem
        )
        persons = [
            dict(person=number, start=span[0], end=span[1]) | result.to_dict(k)
            for number, (result, span) in enumerate(zip(self.persons, self.spans(), strict=True), 1)
        ]
        values = self.scene.to_dict(k) | dict(video=video, persons=persons)
        for value, found in zip((values, *persons), self.segments, strict=False):
            value['segments'] = found.to_list()
        return values

    def write_poses(self, path: Path) -> list[Path]:
        """Write joints in pixels as MMPose does (``.json``), and in metres as ``.npy``."""
        present, frames = self.poses.present, []
        for t in range(len(self.poses.times)):
            instances = [
                dict(
                    keypoints=self.poses.keypoint[m, t].round(2).tolist(),
                    keypoint_scores=self.poses.score[m, t].round(4).tolist(),
                    track_id=m + 1,
                )
                for m in np.flatnonzero(present[:, t]).tolist()
            ]
            frames.append(dict(frame_id=t, instances=instances))
        written = [path.with_name(f'{path.name}_poses.json')]
        write_bytes(written[0], json.dumps(frames).encode())
        clip = self.scene.clip
        if clip is not None and clip.keypoint.shape[3] == 3:
            written.append(path.with_name(f'{path.name}_poses.npy'))
            with atomic_path(written[1]) as temporary, temporary.open('wb') as file:
                np.save(file, clip.keypoint)
        return written

    def people(self) -> People:
        """Return the boxes of the persons, and the number and best class of each."""
        best = (result.top(1) for result in self.persons)
        names = [
            f'{number}: {top[0][0]} {top[0][1]:.2f}' if top else ''
            for number, top in enumerate(best, 1)
        ]
        return self.poses.boxes(), names

    def top_at(self, frame: int) -> list[tuple[str, float]]:
        """Return the best classes of the scene: with segments those of a moment."""
        if self.segments and frame < len(self.poses.times):
            return self.segments[0].top(frame)
        return self.scene.top(3)

    def write_overlay(self, path: str | os.PathLike) -> None:
        """Write the video with joints, boxes and best classes of each person and the scene."""
        poses = self.poses
        write_overlay(path, self.path, poses.keypoint, poses.layout, self.top_at, self.people())


def is_video(source: object) -> bool:
    """Tell whether a source is a video: by the ending of its name, or a folder of images.

    Where files of poses lie beside the images, they are the clip.
    """
    if not isinstance(source, (str, os.PathLike)):
        return False
    if str(source).lower().endswith(VIDEO_SUFFIXES):
        return True
    return is_image_folder(source) and not any(Path(source).glob('*.json'))


def predict_video(
    inferencer: MMCLInferencer,
    path: str,
    estimator: PoseEstimator,
    settings: PoseSettings,
    segments: SegmentSettings | None = None,
) -> VideoPrediction:
    """Predict the action of each person of a video, and that of all together.

    A model that takes fewer persons than there are gets the most active ones for the scene. With
    ``segments``, the actions over time are found, too, see :func:`localize`. A video that cannot be
    read, or joints that the model cannot take, are a ValueError.
    """
    poses = settings.estimate(path, estimator)
    return predict_poses(inferencer, path, poses, settings, segments)


def predict_poses(
    inferencer: MMCLInferencer,
    path: str,
    poses: VideoPoses,
    settings: PoseSettings,
    segments: SegmentSettings | None = None,
) -> VideoPrediction:
    """Predict from the poses of a video, see :func:`predict_video`."""
    if not len(poses.keypoint):
        reason = f'nobody was found in the {counted(len(poses.times), "frame")} of {path}'
        failed = InferenceResult(poses.name, inferencer.classes, error=reason)
        return VideoPrediction(path, poses, failed, ())
    clip = _clip(poses, settings, takes_metres(inferencer.info, poses.world is not None))
    scene = inferencer.predict_clip(clip)
    alone = (_of_person(clip, m, poses.present[m]) for m in range(len(poses.keypoint)))
    count, frames = clip.keypoint.shape[:2]
    persons = [scene] if count == 1 else map(inferencer.predict_clip, alone)
    wanted = [slice(count), *(slice(m, m + 1) for m in range(count))] if segments else []
    found = [
        localize(inferencer, clip.cut(0, frames, who), segments, poses.times)
        for who in wanted
        if segments
    ]
    return VideoPrediction(path, poses, scene, tuple(persons), tuple(found))


def _clip(poses: VideoPoses, settings: PoseSettings, metric: bool) -> SkeletonClip:
    keypoint, score = settings.joints(poses, metric)
    extra = {} if metric else dict(img_shape=poses.size[::-1], original_shape=poses.size[::-1])
    return SkeletonClip(poses.name, keypoint, poses.layout, keypoint_score=score, extra=extra)


def _of_person(clip: SkeletonClip, m: int, present: np.ndarray) -> SkeletonClip:
    """Take one person in the frames from first to last."""
    start, end = np.flatnonzero(present)[[0, -1]]
    return replace(clip.cut(start, end + 1, slice(m, m + 1)), name=f'{clip.name}, person {m + 1}')
