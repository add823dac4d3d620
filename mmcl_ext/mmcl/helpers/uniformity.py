"""The features of samples, spread over the sphere."""

import math

import torch
from torch import Tensor

from mmcl_ext.mmcl.helper import Taps, TrainingHelper, gathered
from mmcl_ext.mmcl.losses.contrastive_loss import unit_vectors
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class Uniformity(TrainingHelper):
    r"""Push the pooled skeleton features of different samples apart; no second modality.

    What remains of MMCL's contrastive loss without images: its negatives within the skeleton view,

    .. math::
        \frac{1}{N} \sum_i \log \frac{1}{N - 1}
        \sum_{k \ne i} \exp(\cos(g_i, g_k) / \tau).

    Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere", ICML 2020, arXiv 2005.10242: their uniformity loss with
    t = 1 / (2 tau), up to the constant 2 t and the logarithm of each sample instead of that of all.
    ``ContrastiveLoss`` with negatives ``'grace'`` halves this part: compare with half its weight.

    Args:
        weight: Factor of the loss.
        temperature: tau, above 0.
    """

    def __init__(self, weight: float = 0.05, temperature: float = 0.4) -> None:
        super().__init__(weight)
        if not temperature > 0:
            raise ValueError(f'temperature is {temperature}, it has to be above 0')
        self.temperature = temperature

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Compute ``loss_uniformity``; zero for a single sample."""
        (features,) = gathered(unit_vectors(taps.embedding))
        others = len(features) - 1
        if others < 1:
            return {'loss_uniformity': 0 * features.sum()}
        own = torch.eye(len(features), dtype=torch.bool, device=features.device)
        similarity = (features @ features.T / self.temperature).masked_fill(own, float('-inf'))
        return {'loss_uniformity': (similarity.logsumexp(1) - math.log(others)).mean()}
