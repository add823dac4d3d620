"""What turns prepared clips into scores: a PyTorch model or an exported one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from scipy.special import softmax
from torch import nn

from mmcl_ext.datasets.network_input import network_input

Packed = dict[str, Any]
Predictor = Callable[[Sequence[Packed]], list[np.ndarray]]
"""Returns the scores (K,) of each of N clips whose inputs have one shape."""


class TorchPredictor:
    """Scores by the model's own test step, in evaluation mode, as a test of the model has them."""

    def __init__(self, model: nn.Module) -> None:
        self.model: Any = model

    def __call__(self, packed: Sequence[Packed]) -> list[np.ndarray]:
        """Return ``pred_score`` of each clip."""
        with torch.inference_mode():
            samples = self.model.test_step(pseudo_collate(list(packed)))
        return [sample.pred_score.cpu().numpy() for sample in samples]

    def refine(self, logits: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Refine logits (N, K) by text features (N, D), if the model can."""
        if not hasattr(self.model, 'refine'):
            raise ValueError(f'{type(self.model).__name__} cannot refine scores by text')
        device = next(self.model.parameters()).device
        tensors = [torch.from_numpy(np.asarray(a, np.float32)).to(device) for a in (logits, text)]
        with torch.inference_mode():
            return self.model.refine(*tensors).cpu().numpy()


class ExportedPredictor:
    """Scores by an exported network, which maps (N, M, T, V, C) to logits (N, K), both float32."""

    def __init__(
        self, run: Callable[[np.ndarray], np.ndarray], average_clips: str | None = 'score'
    ) -> None:
        self.run = run
        self.average_clips = average_clips

    def __call__(self, packed: Sequence[Packed]) -> list[np.ndarray]:
        """Return the scores averaged over clips, as the model's head would."""
        keypoint = np.stack([network_input(item) for item in packed])
        clips = keypoint.shape[1]  # (N, clips, M, T, V, C)
        flat = np.ascontiguousarray(keypoint.reshape(-1, *keypoint.shape[2:]), np.float32)
        logits = np.asarray(self.run(flat)).reshape(len(packed), clips, -1)
        return list(average(logits, self.average_clips))


def average(logits: np.ndarray, how: str | None) -> np.ndarray:
    """Average over clips: logits (N, clips, K) to scores (N, K), or as they are for None."""
    if how is None:
        return logits
    return (softmax(logits, axis=-1) if how == 'prob' else logits).mean(axis=1)
