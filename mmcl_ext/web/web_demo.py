import io
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mmcl_ext.datasets.present_persons import activity
from mmcl_ext.inference.inference_report import clip_length
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.relevance import joint_relevance
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.inference.video_prediction import VideoPrediction, is_video, predict_poses
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.visualization.motion import write_motion
from mmcl_ext.visualization.new_figure import new_figure
from mmcl_ext.visualization.overlay import overlay_frames
from mmcl_ext.visualization.score_plot import draw_timeline
from mmcl_ext.web import html
from mmcl_ext.web.clip_library import ClipLibrary, PickedClip
from mmcl_ext.web.score_timeline import ScoreTimeline, score_timeline
from mmcl_ext.web.uploads import take_upload
from mmcl_ext.web.video_uploads import UploadedVideo, take_video

_DRAWN_FRAMES = 150
_DRAWN_PERSONS = 8
_EXPLAINED_PERSONS = 4
Upload = SkeletonClip | UploadedVideo


@dataclass(frozen=True)
class WebView:
    """What the page shows of a clip, as HTML; empty where there is nothing to show."""

    head: str = ''
    scores: str = ''
    motion: str = ''
    timeline: str = ''
    relevance: str = ''
    composite: str = ''


class WebDemo:
    """Everything that a page about a model does, without the page.

    Args:
        max_upload: Bytes that an uploaded file may have.
        window: Frames of the window that slides over a clip.
        axes: Order of the axes of uploaded arrays, see :class:`ClipDefaults`.
    """

    def __init__(
        self,
        inferencer: MMCLInferencer,
        examples: ClipLibrary,
        *,
        top_k: int = 5,
        fps: float = 30.0,
        max_upload: int = 64 * 2**20,
        window: int = 48,
        pose: PoseSettings | None = None,
        axes: str | None = None,
    ) -> None:
        numbers = dict(top_k=top_k, fps=fps, max_upload=max_upload, window=window)
        if min(numbers.values()) <= 0:
            raise ValueError(f'these must be positive: {numbers}')
        self.inferencer = inferencer
        self.examples = examples
        self.top_k = top_k
        self.fps = fps
        self.max_upload = max_upload
        self.window = window
        self.pose = pose or PoseSettings()
        self._defaults = inferencer.clip_defaults(axes)
        self._lock = threading.Lock()

    def take(self, path: str, layout: str | None = None) -> list[Upload]:
        """Read an uploaded file and delete it: :func:`take_upload`, :func:`take_video`."""
        if is_video(path):
            return [take_video(Path(path), self.pose, self.max_upload)]
        return [*take_upload(path, layout, self._defaults, self.max_upload)]

    def show(self, picked: PickedClip | UploadedVideo, explain: bool = False) -> Iterator[WebView]:
        """Predict a clip; yield what to show at once, then with the scores over time.

        With ``explain`` a last view has the relevance of the joints, too.
        """
        if isinstance(picked, UploadedVideo):
            yield from self._show_video(picked, explain)
            return
        clip = picked.clip
        with self._lock:  # transforms draw from generators of the whole process
            result = self.inferencer.predict_clip(clip)
        best, probability = result.top(1)[0]
        true = picked.class_name
        view = WebView(
            head=html.headline(clip.name, best, probability, true, clip_length(clip)),
            scores=html.score_table(result.top(self.top_k), true),
            motion=self._motion(clip),
            composite=_composite(picked),
        )
        yield view
        with self._lock:
            timeline = score_timeline(self.inferencer, clip, window=self.window)
        view = replace(view, timeline=self._timeline(timeline, true))
        yield view
        if explain:
            yield replace(view, relevance=self._relevance(clip))

    def _show_video(self, video: UploadedVideo, explain: bool) -> Iterator[WebView]:
        """Show the scene and each person of a video."""
        with self._lock:
            found = predict_poses(self.inferencer, video.name, video.poses, self.pose)
        if found.scene.clip is None:
            raise ValueError(found.scene.error)
        people = [
            (f'person {number}, {start:.1f}-{end:.1f} s', result)
            for number, (result, (start, end)) in enumerate(
                zip(found.persons, found.spans(), strict=True), 1
            )
        ]
        best, probability = found.scene.top(1)[0]
        length = clip_length(found.scene.clip)
        view = WebView(
            head=html.headline(video.name, best, probability, None, length),
            scores=html.score_table(found.scene.top(self.top_k), None)
            + html.person_table([(name, result.top(2)) for name, result in people]),
            motion=self._overlay(video, found),
        )
        yield view
        shown = people[:_EXPLAINED_PERSONS]
        clips = [(name, result.clip) for name, result in shown if result.clip is not None]
        for name, clip in clips:
            with self._lock:
                timeline = score_timeline(self.inferencer, clip, window=self.window)
            drawn = html.heading(name) + self._timeline(timeline, None)
            view = replace(view, timeline=view.timeline + drawn)
        yield view
        for name, clip in clips if explain else ():
            drawn = html.heading(name) + self._relevance(clip)
            view = replace(view, relevance=view.relevance + drawn)
            yield view

    def _overlay(self, video: UploadedVideo, found: VideoPrediction) -> str:
        """Draw joints, boxes and best classes over the frames that were kept."""
        poses, step, images = video.poses, video.step, video.images()
        scale = len(images[0]) / poses.size[1]
        boxes, names = found.people()
        keypoint, people = poses.keypoint[:, ::step] * scale, (boxes[:, ::step] * scale, names)
        frames = overlay_frames(iter(images), keypoint, poses.layout, found.top_at, people)
        data = _webp(frames, poses.fps / step)
        caption = 'red: left side of the body, blue: right side' + _one_of(step)
        return html.picture(data, 'image/webp', f'video {video.name} with joints', caption)

    def _relevance(self, clip: SkeletonClip) -> str:
        with self._lock:
            relevance = joint_relevance(self.inferencer, clip)
        caption = f'Red joints speak for {relevance.label_name}, blue ones against it.'
        return html.drawing(relevance.figure(clip), 'relevance of the joints', caption)

    def _motion(self, clip: SkeletonClip) -> str:
        """Draw the most active persons in at most 150 frames spread over the clip."""
        keypoint = np.nan_to_num(clip.keypoint)
        step = -(-keypoint.shape[1] // _DRAWN_FRAMES)
        keypoint = keypoint[np.sort(np.argsort(-activity(keypoint))[:_DRAWN_PERSONS]), ::step]
        layout = clip.layout or self.inferencer.info.layout
        data = _gif(keypoint, layout, max(self.fps / step, 1.0))
        views = 'front and side' if keypoint.shape[3] == 3 else 'in the image'
        caption = f'{views}; red: left side of the body, blue: right side'
        caption += _one_of(step)
        return html.picture(data, 'image/gif', f'moving skeleton of {clip.name}', caption)

    def _timeline(self, timeline: ScoreTimeline, true: str | None) -> str:
        if not len(timeline.frames):
            return html.message('There is nobody in any window of this clip.', 'note')
        classes = self.inferencer.classes
        figure = new_figure(figsize=(9.2, 3.0), layout='constrained')
        axes = figure.subplots()
        label = classes.index(true) if true in classes else None
        draw_timeline(
            axes,
            timeline.frames,
            timeline.probability,
            classes,
            label,
            num_frames=timeline.num_frames,
        )
        axes.legend(loc='center left', bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
        caption = f'Each point is the prediction of the last {timeline.window} frames'
        caption += '.' if label is None else '; the broader line is the true class.'
        return html.drawing(figure, 'probabilities of the leading classes by frame', caption)


def _one_of(step: int) -> str:
    return f'; one frame of {step}' if step > 1 else ''


def _webp(frames: Iterator[np.ndarray], fps: float) -> bytes:
    """Encode images as a moving picture, which is a tenth of a GIF."""
    first, *rest = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    duration = max(round(1000 / fps), 20)
    first.save(
        file, 'WEBP', save_all=True, append_images=rest, duration=duration, loop=0, quality=60
    )
    return file.getvalue()


def _gif(keypoint: np.ndarray, layout: str, fps: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix='mmcl_ext_web_') as folder:
        path = Path(folder) / 'motion.gif'
        write_motion(path, keypoint, layout, fps=fps)
        return path.read_bytes()


def _composite(picked: PickedClip) -> str:
    if picked.composite is None:
        return ''
    caption = 'Composite image of this clip. The model does not see it: it helped in training.'
    return html.photo(picked.composite, f'composite image of {picked.clip.name}', caption)
