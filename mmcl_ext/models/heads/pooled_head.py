from abc import abstractmethod
from collections.abc import Sequence

import torch
from mmaction.models.heads.base import BaseHead
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmcl_ext.fileio.printable import counted
from mmcl_ext.models.losses.own_losses import own_losses
from mmcl_ext.registry import MODELS


class PooledHead(BaseHead):
    """Mean over frames and joints, then over persons, then a classifier.

    Pooling and classification are separate steps, so that others can use the pooled
    feature; a subclass defines :meth:`classify`.

    Args:
        in_channels: Channels C' of the features.
        loss_cls: Configuration of the classification loss; cross entropy if None.
        average_clips: ``'score'`` or ``'prob'``: what is averaged over the clips of a
            sample; None keeps the clips apart.
        topk: Accuracies reported in training, those below the number of classes.
        label_smooth_eps: Share of the label spread evenly over the classes.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_cls: dict | None = None,
        average_clips: str | None = 'score',
        topk: int | Sequence[int] = (1, 5),
        label_smooth_eps: float = 0.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        wanted = (topk,) if isinstance(topk, int) else topk
        super().__init__(
            num_classes,
            in_channels,
            average_clips=average_clips,
            topk=tuple(k for k in wanted if k == 1 or k < num_classes),  # others are always 1
            label_smooth_eps=label_smooth_eps,
            init_cfg=init_cfg,
        )
        # The base class would look the loss up in MMAction2's registry.
        self.loss_cls = MODELS.build(loss_cls or dict(type='CrossEntropyLoss'))

    @abstractmethod
    def classify(self, embedding: Tensor) -> Tensor:
        """Map pooled features (N, C') to logits (N, K)."""

    def pool(self, feats: Tensor) -> Tensor:
        """Pool features (N, M, C', T', V) to (N, C')."""
        if feats.ndim != 5 or feats.shape[2] != self.in_channels:
            raise ValueError(
                f'the head was built for features (N, M, {self.in_channels}, T, V) '
                f'and received {tuple(feats.shape)}'
            )
        return feats.mean(dim=(3, 4)).mean(dim=1)

    def loss_by_embedding(
        self, embedding: Tensor, data_samples: Sequence[BaseDataElement]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Classify features (N, C') of N labelled samples: logits (N, K), losses and accuracies."""
        self.check_labels(embedding, data_samples)
        classified, logits = map(at_least_float32, self.classify_in_training(embedding))
        losses = self.loss_by_feat(logits, data_samples)
        return logits, losses | own_losses(self, classified, data_samples)

    def classify_in_training(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is classified of pooled features (N, C'), and its logits (N, K)."""
        return embedding, self.classify(embedding)

    @staticmethod
    def check_labels(embedding: Tensor, data_samples: Sequence[BaseDataElement]) -> None:
        """Raise a ValueError unless there is one labelled sample per pooled feature."""
        if len(embedding) != len(data_samples):
            raise ValueError(
                f'{counted(len(embedding), "clip")} for '
                f'{counted(len(data_samples), "labelled sample")}: '
                'training takes one clip per sample'
            )

    def loss(self, feats: Tensor, data_samples: Sequence[BaseDataElement]) -> dict[str, Tensor]:
        """Return the losses of features (N, M, C', T', V)."""
        return self.loss_by_embedding(self.pool(feats), data_samples)[1]

    def forward(self, feats: Tensor) -> Tensor:
        """Map features (N, M, C', T', V) to logits (N, K)."""
        return self.classify(self.pool(feats))


def at_least_float32(x: Tensor) -> Tensor:
    """Widen what autocast left in half precision: losses of it would be coarse."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
