"""The forms in which models are exported: persons or whole clips in, logits out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmaction.models.recognizers.base import BaseRecognizer
from torch import Tensor, nn

from mmcl_ext.deployment.portable_layers import with_portable_layers
from mmcl_ext.deployment.preprocess import pack_persons
from mmcl_ext.models.backbones.per_person import PerPersonBackbone
from mmcl_ext.models.heads.pooled_head import PooledHead

INPUTS = ('persons', 'slots', 'members')
CLIP_INPUTS = ('clips',)
OUTPUT = 'logits'


def pack_inputs(names: Sequence[str], clips: np.ndarray) -> tuple[np.ndarray, ...]:
    """Turn clips (N, M, T, V, C) into the arrays that an exported graph takes by these names."""
    if len(names) == len(INPUTS):
        return pack_persons(clips)
    return (np.ascontiguousarray(clips, np.float32),)


def clip_logits(model: Any, clips: Tensor) -> Tensor:
    """Return the logits (N, K) that a recognizer gives to N clips, each in its network's input."""
    views = clips.unsqueeze(1)
    if isinstance(model, BaseRecognizer):
        return model(views, stage='head')
    return model({input_key(model): views})


def input_key(model: Any) -> str:
    """Name the entry of the inputs that a recognizer reads."""
    return getattr(model, 'input_key', 'keypoint')


class ClipModel(nn.Module):
    """Any recognizer in evaluation as a graph, from whole clips of a shape to logits."""

    inputs = CLIP_INPUTS

    def __init__(self, model: nn.Module, shape: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.shape = tuple(shape)

    def forward(self, clips: Tensor) -> Tensor:
        """Classify clips (N, ...): logits (N, K)."""
        return clip_logits(self.model, clips)


class PortableModel(nn.Module):
    """A skeleton recognizer as a graph without choices, over the persons who are there.

    The head's mean over person slots is linear, so the pooled features e of empty slots,
    which are constants, enter as a sum: with M slots and the pooled feature f[p] of person
    p in slot s(p), clip n has the embedding::

        (sum over slots of e[slot] + sum over its persons of (f[p] - e[s(p)])) / M

    The backbone is one of this package's graph networks, the head has ``classify``. The constants
    hold for clips of ``window`` frames alone; ``num_person`` is by default the backbone's.
    """

    inputs = INPUTS
    empty: Tensor

    def __init__(self, model: nn.Module, window: int, num_person: int | None = None) -> None:
        super().__init__()
        backbone, head = getattr(model, 'backbone', None), getattr(model, 'cls_head', None)
        if not takes_persons(model):
            raise ValueError(
                f'a {type(model).__name__} of {type(backbone).__name__} and {type(head).__name__} '
                'does not work person by person'
            )
        described: Any = backbone  # of this package: see takes_persons
        self.slots = num_person or described.num_person
        skeleton = (window, described.graph.num_joints, described.in_channels)
        self.shape = (self.slots, *skeleton)
        self.backbone: Any = with_portable_layers(described)
        self.head: Any = head
        self.register_buffer('empty', self._pooled_empty_slots(), persistent=False)

    @torch.no_grad()
    def _pooled_empty_slots(self) -> Tensor:
        """Return the pooled features (M, C') of slots that are all zero."""
        reference = next(self.backbone.parameters())
        nobody = reference.new_zeros(1, *self.shape)
        return self.backbone.encode(self.backbone.normalize_input(nobody)).mean(dim=(2, 3))

    def forward(self, persons: Tensor, slots: Tensor, members: Tensor) -> Tensor:
        """Map persons (P, T, V, C), slots (P,) and members (N, P) of N clips to logits (N, K)."""
        everywhere = persons.unsqueeze(1).expand(-1, self.slots, -1, -1, -1)
        rows = self.backbone.normalize_input(everywhere).unflatten(
            0, (-1, self.slots)
        )  # (P, M, ...)
        index = slots.view(-1, *[1] * (rows.ndim - 1)).expand(-1, 1, *rows.shape[2:])
        features = self.backbone.encode(rows.gather(1, index).squeeze(1))  # (P, C', T', V)
        present = features.mean(dim=(2, 3)) - self.empty.index_select(0, slots)
        embedding = (self.empty.sum(0) + members @ present) / self.slots
        return self.head.classify(embedding)


def takes_persons(model: nn.Module) -> bool:
    """Tell whether a recognizer works person by person: none of its steps is a user's own."""
    backbone, head = getattr(model, 'backbone', None), getattr(model, 'cls_head', None)
    if not isinstance(backbone, PerPersonBackbone) or not isinstance(head, PooledHead):
        return False
    if not backbone.works_per_person:
        return False
    kinds: Any = (type(backbone), type(head))
    steps = (kinds[0].extract, kinds[0].forward, kinds[1].forward, type(model).forward)
    ours = all(step.__module__.partition('.')[0] == 'mmcl_ext' for step in steps)
    return ours and kinds[1].pool is PooledHead.pool
