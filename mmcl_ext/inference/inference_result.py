from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcl_ext.inference.skeleton_clip import SkeletonClip


@dataclass(frozen=True, eq=False)
class InferenceResult:
    """What a model makes of one clip, or why it could not.

    Attributes:
        name: Name of the clip, or of the source that could not be read.
        pred_score: (K,) scores as ``tools/test.py`` dumps them: logits, or probabilities where
            the model averages those over clips; None after a failure, like ``probability``.
        clip: The clip as it was read; None where reading failed.
    """

    name: str
    classes: tuple[str, ...]
    pred_score: np.ndarray | None = None
    probability: np.ndarray | None = None
    clip: SkeletonClip | None = None
    error: str | None = None

    @property
    def label(self) -> int | None:
        """The best class, counted from 0."""
        return None if self.pred_score is None else int(np.argmax(self.pred_score))

    @property
    def label_name(self) -> str | None:
        """Name of the best class."""
        return None if self.label is None else self.classes[self.label]

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Return the k best classes with their probabilities, best first; empty after a failure."""
        if k < 1:
            raise ValueError(f'k must be positive, got {k}')
        if self.pred_score is None or self.probability is None:
            return []
        best = np.argsort(-self.pred_score, kind='stable')[:k].tolist()
        return [(self.classes[i], float(self.probability[i])) for i in best]

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """Return plain values for a JSON file: name, top k, all scores, or the error."""
        if self.error is not None or self.pred_score is None:
            return dict(name=self.name, error=self.error)
        values: dict[str, Any] = dict(name=self.name, label=self.label, label_name=self.label_name)
        if self.clip is not None and self.clip.label is not None:
            values['gt_label'] = self.clip.label
        values['top'] = [dict(label_name=name, probability=p) for name, p in self.top(k)]
        values['pred_score'] = [float(score) for score in self.pred_score]
        return values
