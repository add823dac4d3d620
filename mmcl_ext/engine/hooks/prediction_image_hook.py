from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcl_ext.evaluation.scores import are_probabilities
from mmcl_ext.fileio.file_name import file_name
from mmcl_ext.fileio.printable import printable
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS

_SIZE = 160
"""Height and width of the picture of one frame, in pixels."""


@HOOKS.register_module()
class PredictionImageHook(Hook):
    """Draw tested samples: frames of the skeleton, prediction and label.

    Takes the arguments of MMAction2's ``VisualizationHook``, which draws videos, and ``num_frames``
    per picture: one sample in ``interval`` is written to ``out_dir`` as ``<sample_name>.png``, or
    shown for ``wait_time`` seconds. The skeleton is drawn as the model sees it, x to the right and
    y up, so a bone or motion stream gives bones or motions.
    """

    def __init__(
        self,
        enable: bool = False,
        interval: int = 1,
        show: bool = False,
        wait_time: float = 2.0,
        out_dir: str | None = None,
        num_frames: int = 5,
    ) -> None:
        self.enable = enable
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.out_dir = out_dir
        self.num_frames = num_frames
        self._seen = 0
        self._taken = set[str]()

    def before_test(self, runner: Runner) -> None:
        """Count the samples anew."""
        self._seen = 0
        self._taken = set[str]()

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw the samples of a batch whose turn it is."""
        if not self.enable:
            return
        model = unwrap_model(runner.model)
        edges = model.backbone.graph.layout.edges
        classes = runner.test_dataloader.dataset.metainfo.get('classes') or ()
        for keypoint, sample in zip(data_batch['inputs']['keypoint'], outputs, strict=True):
            if self._seen % self.interval == 0:
                picture = draw_frames(np.asarray(keypoint)[0], edges, self.num_frames)
                self._deliver(
                    np.vstack([_caption(sample, classes, picture.shape[1]), picture]), sample
                )
            self._seen += 1

    def _deliver(self, picture: np.ndarray, sample: Any) -> None:
        name = sample.metainfo.get('sample_name', f'sample{self._seen}')
        if self.out_dir is not None:
            Path(self.out_dir).mkdir(parents=True, exist_ok=True)
            stem = file_name(str(name), self._taken)
            cv2.imwrite(str(Path(self.out_dir) / f'{stem}.png'), picture)
        if self.show:
            cv2.imshow(printable(str(name)), picture)
            cv2.waitKey(int(self.wait_time * 1000))
            cv2.destroyAllWindows()


def draw_frames(
    keypoint: np.ndarray, edges: Sequence[tuple[int, int]], num_frames: int = 5
) -> np.ndarray:
    """Draw frames of a skeleton (M, T, V, C) side by side: (H, num_frames * H, 3), uint8, BGR."""
    times = np.linspace(0, keypoint.shape[1] - 1, num_frames).round().astype(int)
    points = keypoint[:, times, :, :2] * (1, -1)  # images count rows downwards
    present = np.abs(keypoint[:, times]).sum(axis=(2, 3)) > 0  # (M, num_frames)
    shown = points[present].reshape(-1, 2) if present.any() else np.zeros((1, 2))
    low, high = shown.min(axis=0), shown.max(axis=0)
    scale = 0.9 * _SIZE / max(float((high - low).max()), 1e-6)
    pixels = ((points - (low + high) / 2) * scale + _SIZE / 2).round().astype(int)
    frames = [
        _draw_frame(pixels[:, i], present[:, i], edges) for i in range(num_frames)
    ]  # each (M, V, 2)
    return np.hstack(frames)


def probability(score: Tensor, label: int) -> float:
    """Return the probability of a class, by softmax where the scores (K,) are logits."""
    score = score.double()
    is_distribution = are_probabilities(score.cpu().numpy()[None])
    return float((score if is_distribution else score.softmax(0))[label])


def _draw_frame(
    pixels: np.ndarray, present: np.ndarray, edges: Sequence[tuple[int, int]]
) -> np.ndarray:
    """Draw the persons of one frame, (M, V, 2), each in a colour of its own."""
    canvas = np.full((_SIZE, _SIZE, 3), 255, np.uint8)
    for person in np.flatnonzero(present):
        colour = ((180, 90, 20), (20, 90, 200))[person % 2]
        for start, end in edges:
            first, second = pixels[person, [start, end]].tolist()
            cv2.line(canvas, first, second, colour, 2, cv2.LINE_AA)
    return canvas


def _caption(sample: Any, classes: Sequence[str], width: int) -> np.ndarray:
    """Write prediction and label, green where they agree."""
    predicted, label = int(sample.pred_label[0]), int(sample.gt_label[0])
    names = [classes[i] if i < len(classes) else str(i) for i in (predicted, label)]
    strip = np.full((40, width, 3), 255, np.uint8)
    colour = (0, 130, 0) if predicted == label else (0, 0, 200)
    share = 100 * probability(sample.pred_score, predicted)
    for row, text in enumerate((f'predicted: {names[0]} ({share:.0f} %)', f'label: {names[1]}')):
        place = (6, 16 + 18 * row)
        cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return strip
