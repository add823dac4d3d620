"""The form in which models are exported: persons in, logits out."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.deployment.portable_layers import with_portable_layers
from mmcl_ext.models.backbones.per_person import PerPersonBackbone

INPUTS = ('persons', 'slots', 'members')
OUTPUT = 'logits'


class PortableModel(nn.Module):
    """A skeleton recognizer as a graph without choices, over the persons who are there.

    The head's mean over person slots is linear, so the pooled features e of empty slots,
    which are constants, enter as a sum: with M slots and the pooled feature f[p] of person
    p in slot s(p), clip n has the embedding::

        (sum over slots of e[slot] + sum over its persons of (f[p] - e[s(p)])) / M

    Args:
        model: Recognizer with a backbone of this package and a head with ``classify``.
        window: Frames T of every clip; the constants hold for this number alone.
        num_person: Person slots M; None for those of the backbone.

    Raises:
        ValueError: The model is no skeleton recognizer of this package.
    """

    empty: Tensor

    def __init__(self, model: nn.Module, window: int, num_person: int | None = None) -> None:
        super().__init__()
        backbone, head = getattr(model, 'backbone', None), getattr(model, 'cls_head', None)
        if not isinstance(backbone, PerPersonBackbone) or not hasattr(head, 'classify'):
            raise ValueError(
                f'only graph networks of this package can be exported, got a '
                f'{type(model).__name__} of {type(backbone).__name__} and {type(head).__name__}'
            )
        described: Any = backbone
        self.slots = num_person or described.num_person
        self.shape = (window, described.graph.num_joints, described.in_channels)
        self.backbone: Any = with_portable_layers(backbone)
        self.head: Any = head
        self.register_buffer('empty', self._pooled_empty_slots(), persistent=False)

    @torch.no_grad()
    def _pooled_empty_slots(self) -> Tensor:
        """Return the pooled features (M, C') of slots that are all zero."""
        reference = next(self.backbone.parameters())
        nobody = reference.new_zeros(1, self.slots, *self.shape)
        return self.backbone.encode(self.backbone.normalize_input(nobody)).mean(dim=(2, 3))

    def forward(self, persons: Tensor, slots: Tensor, members: Tensor) -> Tensor:
        """Classify clips.

        Args:
            persons: (P, T, V, C).
            slots: (P,).
            members: (N, P).

        Returns:
            Logits (N, K).
        """
        everywhere = persons.unsqueeze(1).expand(-1, self.slots, -1, -1, -1)
        rows = self.backbone.normalize_input(everywhere).unflatten(
            0, (-1, self.slots)
        )  # (P, M, ...)
        index = slots.view(-1, *[1] * (rows.ndim - 1)).expand(-1, 1, *rows.shape[2:])
        features = self.backbone.encode(rows.gather(1, index).squeeze(1))  # (P, C', T', V)
        present = features.mean(dim=(2, 3)) - self.empty.index_select(0, slots)
        embedding = (self.empty.sum(0) + members @ present) / self.slots
        return self.head.classify(embedding)
