"""Alignment and refinement modules."""

import os
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.mmcl.helper import Taps, TrainingHelper
from mmcl_ext.mmcl.losses.contrastive_loss import ContrastiveLoss
from mmcl_ext.models.recognizers.skeleton_recognizer import build_module
from mmcl_ext.registry import MODELS


def retrieval_accuracy(skeleton: Tensor, image: Tensor) -> Tensor:
    """Share of the N skeletons (N, C) whose nearest image (N, C) is their own; chance is 1 / N."""
    if not len(skeleton):  # none of the batch has an image
        return skeleton.new_zeros(())
    similarity = F.normalize(skeleton.detach().float()) @ F.normalize(image.detach().float()).T
    nearest = similarity.argmax(dim=1)  # (N,)
    return (nearest == torch.arange(len(nearest), device=nearest.device)).float().mean()


@MODELS.register_module()
class FAM(TrainingHelper):
    """Feature alignment module (Eq. 3-6 of arXiv 2407.15706): a helper with images.

    Two linear layers with a ReLU between them bring an image feature of width F, or of the feature
    file that ``in_channels`` names, to the width C' of the pooled skeleton feature. The co-learning
    branch fills both in. The loss is ``contrastive``, :class:`ContrastiveLoss` by default, times
    ``weight``, lambda_1. With ``project_skeleton``, two such layers of width C' stand between the
    skeleton feature and the loss, so that the classifier's feature itself is not aligned.
    """

    required_inputs = ('image',)
    mixed_precision = True
    filled: ClassVar = {'in_channels': 'image_channels', 'out_channels': 'embed_channels'}

    def __init__(
        self,
        in_channels: int | str | os.PathLike,
        out_channels: int,
        hidden_channels: int | None = None,
        weight: float = 0.1,
        contrastive: nn.Module | dict | None = None,
        project_skeleton: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(weight, init_cfg=init_cfg)
        self.contrastive = build_module(ContrastiveLoss() if contrastive is None else contrastive)
        self.in_channels = feature_width(in_channels, 'in_channels')
        self.out_channels = out_channels
        hidden_channels = out_channels if hidden_channels is None else hidden_channels
        self.layers = two_layers(self.in_channels, hidden_channels, out_channels)
        self.skeleton_layers: nn.Module = nn.Identity()
        if project_skeleton:
            self.skeleton_layers = two_layers(out_channels, hidden_channels, out_channels)

    def forward(self, image: Tensor) -> Tensor:
        """Project image features (N, F) to (N, C')."""
        return self.layers(image)

    @property
    def input_widths(self) -> dict[str, int]:
        """Width of a cached feature."""
        return {'image': self.in_channels}

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Pull the features of samples with an image together: ``loss_align``, ``retrieval_acc``.

        A cached feature of NaN stands for no image.
        """
        embedding, image, classes = taps.embedding, taps.image_feature, taps.classes
        if taps.inputs['image'].ndim == 2:
            present = ~image[:, 0].isnan()  # (N,)
            if not present.all():
                embedding, image, classes = (x[present] for x in (embedding, image, classes))
        embedding, projected = self.skeleton_layers(embedding), self(image)
        labelled = (classes,) if getattr(self.contrastive, 'needs_classes', False) else ()
        return {
            'loss_align': self.contrastive(embedding, projected, *labelled),
            'retrieval_acc': retrieval_accuracy(embedding, projected),
        }


def two_layers(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Sequential:
    """Two linear layers with a ReLU between them."""
    return nn.Sequential(
        nn.Linear(in_channels, hidden_channels),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_channels, out_channels),
    )


def refine(logits: Tensor, weights: Tensor, matrices: Tensor) -> Tensor:
    r"""Weighted sum of linear maps of the logits, :math:`\sum_i f_i \, (M_i S)` (Eq. 8).

    Shape: S (N, K), f (N, n), M (n, K, K) or, diagonal, (n, K); gives (N, K).
    """
    if matrices.ndim == 2:
        return torch.einsum('ni,ik,nk->nk', weights, matrices, logits)
    return torch.einsum('ni,ikj,nj->nk', weights, matrices, logits)


@MODELS.register_module()
class FRM(TrainingHelper):
    """Feature refinement module (Eq. 7-9 of arXiv 2407.15706): a helper with texts.

    The text feature of a sample, through a two-layer perceptron and a softmax,
    weighs ``num_entries`` learnable maps of its logits. All maps start as the
    identity, so at first the refined logits are the logits. The computation runs in
    float32 also under autocast: raw token ids would leave the range of float16.

    Args:
        text_channels: Width D of the text feature, or a feature file that tells it.
        num_classes: Number of classes K. The recognizer fills it in from the head.
        matrix: ``'diagonal'`` for maps that scale each logit (the reference
            implementation), ``'full'`` for K-by-K matrices (the paper's text).
        weight: lambda_2, of the cross entropy of the refined logits.
        allow_absent: Whether samples may lack a text, as ``LoadTextFeature(allow_absent=...)``
            leaves them.
    """

    required_inputs = ('text',)
    mixed_precision = True

    def __init__(
        self,
        text_channels: int | str | os.PathLike,
        num_classes: int,
        hidden_channels: int = 64,
        num_entries: int = 2,
        matrix: Literal['diagonal', 'full'] = 'diagonal',
        weight: float = 0.2,
        allow_absent: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(weight, init_cfg=init_cfg)
        self.allow_absent = allow_absent
        if matrix not in ('diagonal', 'full'):
            raise ValueError(f"matrix is {matrix!r}, known are 'diagonal' and 'full'")
        self.text_channels = feature_width(text_channels, 'text_channels')
        self.num_classes = feature_width(num_classes, 'num_classes')
        self.gate = two_layers(self.text_channels, hidden_channels, num_entries)
        one = torch.ones(num_classes) if matrix == 'diagonal' else torch.eye(num_classes)
        self.matrices = nn.Parameter(one.repeat(num_entries, *(1,) * one.ndim))

    def entry_weights(self, text: Tensor) -> Tensor:
        """Weigh the maps by text features (N, D): float32 (N, n), rows sum to 1 (Eq. 7)."""
        with torch.autocast(text.device.type, enabled=False):
            return torch.softmax(self.gate(text.to(self.matrices.dtype)), dim=1)

    def forward(self, logits: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Refine logits (N, K) by text features (N, D): (N, K), and the weights (N, n)."""
        if text.shape != (len(logits), self.text_channels):
            raise ValueError(
                f'text features have shape {tuple(text.shape)}, expected '
                f'{(len(logits), self.text_channels)}'
            )
        weights = self.entry_weights(text)
        with torch.autocast(text.device.type, enabled=False):
            return refine(logits.to(weights.dtype), weights, self.matrices), weights

    @property
    def input_widths(self) -> dict[str, int]:
        """Width of the text feature."""
        return {'text': self.text_channels}

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Classify by the refined logits: ``loss_refine``, and ``frm_weight_j`` of each entry.

        With ``allow_absent``, samples whose text feature is NaN are left out.
        """
        logits, text, labels = taps.logits, taps.inputs['text'], taps.labels
        if self.allow_absent:
            present = ~text[:, 0].isnan()  # (N,)
            logits, text, labels = (x[present] for x in (logits, text, labels))
        refined, weights = self(logits, text)
        if not len(refined):
            return {'loss_refine': refined.sum() + weights.sum()}
        monitors = {f'frm_weight_{i}': w for i, w in enumerate(weights.detach().mean(dim=0))}
        return {'loss_refine': F.cross_entropy(refined, labels), **monitors}


def feature_width(value: int | str | os.PathLike, name: str) -> int:
    """Turn a width, or the path of a feature file, given for an argument ``name``, into a width."""
    if isinstance(value, (str, os.PathLike)):
        return FeatureFile(value).width
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f'{name} is {value!r}, expected a number or a feature file')
    if value < 1:
        raise ValueError(f'{name} is {value}, expected a positive number')
    return value
