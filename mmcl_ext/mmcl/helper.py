"""The contract of train-only helpers: what they may ask for, what they give, when they are gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmcl_ext.graphs.layout import Layout
from mmcl_ext.models.backbones.per_person import BlockShape, PerPersonBackbone
from mmcl_ext.models.heads.pooled_head import at_least_float32
from mmcl_ext.parallel import collectives

TAPS = {
    'joints': 'the features of the joints',
    'blocks': 'the features of its blocks',
    'topology': 'a topology that depends on the sample',
    'layout': 'a skeleton layout',
}
"""What a helper may ask a backbone for, and what a backbone may lack."""


@dataclass(frozen=True)
class NetworkFacts:
    """What helpers are built by; an argument of a helper with one of these names gets the value.

    ``embed_channels`` C' of the pooled feature, ``num_classes`` K, ``joint_channels`` of the
    joints' features, ``num_joints`` V, ``layout``, ``block_shapes`` of all blocks, and
    ``topology_shape``, subsets and channels (S, C). None or empty is what the ``backbone`` lacks.
    """

    embed_channels: int
    num_classes: int
    backbone: str = 'the backbone'
    joint_channels: int | None = None
    layout: Layout | None = None
    block_shapes: tuple[BlockShape, ...] = ()
    topology_shape: tuple[int, int] | None = None

    @property
    def num_joints(self) -> int | None:
        """Joints V of the layout."""
        return None if self.layout is None else self.layout.num_joints

    @classmethod
    def of(cls, backbone: Any, head: Any) -> 'NetworkFacts':
        """Read the facts of a backbone and its head."""
        own = dict(embed_channels=head.in_channels, num_classes=head.num_classes)
        name = type(backbone).__name__
        if not isinstance(backbone, PerPersonBackbone):
            return cls(**own, backbone=name)
        layout = getattr(getattr(backbone, 'graph', None), 'layout', None)
        shapes = tuple(backbone.block_shapes())
        topology = None
        if layout is not None and backbone.infer_topology is not None:
            joints = (layout.num_joints, 1) if backbone.frames_last else (1, layout.num_joints)
            with torch.no_grad():
                zeros = torch.zeros(1, shapes[-1].in_channels, *joints)
                _, subsets, channels, *_ = backbone.infer_topology(zeros).shape
            topology = subsets, channels
        return cls(
            **own,
            backbone=name,
            joint_channels=shapes[-1].out_channels,
            layout=layout,
            block_shapes=shapes,
            topology_shape=topology,
        )

    def lacking(self, needs: Sequence[str]) -> list[str]:
        """List, in words, what is needed and not there."""
        given = dict(
            joints=self.joint_channels,
            blocks=self.block_shapes,
            topology=self.topology_shape,
            layout=self.layout,
        )
        return [TAPS[need] for need in needs if not given[need]]


@dataclass(frozen=True)
class TrainingSet:
    """The samples of a training: unique names, their labels, and the classes, if known."""

    names: Sequence[str]
    labels: Sequence[int]
    classes: tuple[str, ...] | None = None

    @cached_property
    def positions(self) -> dict[str, int]:
        """Place of each name."""
        return {name: i for i, name in enumerate(self.names)}


@dataclass
class Taps:
    """What a training step offers to the helpers.

    Args:
        embedding: Pooled features (N, C').
        logits: Logits (N, K), attached; ``logits.detach()`` teaches the network nothing.
        labels: Labels (N,), or probabilities (N, K).
        inputs: Further inputs by name, such as ``image`` and ``text``.
        joints: Features (N, M, C, T, V) of the last block.
        blocks: Features (N, M, C, T, V) of the blocks that helpers ask for, by number from 1.
        topology: Topology (N, M, S, C, V, V) of the last block, without its shared part; the
            first V receives.
        training_set: All samples, once the training has begun.
    """

    embedding: Tensor
    logits: Tensor
    labels: Tensor
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    joints: Any = None
    blocks: Mapping[int, Tensor] = field(default_factory=dict)
    topology: Any = None
    samples: Sequence[BaseDataElement] = ()
    training_set: TrainingSet | None = None
    image_feature: Any = None

    def widened(self, joints: bool) -> 'Taps':
        """Give these taps, and ``joints`` if asked for, without half precision."""
        names = ['embedding', 'logits', 'topology', *(['joints'] if joints else [])]
        given = {name: getattr(self, name) for name in names}
        wide: dict[str, Any] = {k: at_least_float32(x) for k, x in given.items() if x is not None}
        blocks = {number: at_least_float32(x) for number, x in self.blocks.items()}
        return replace(self, **wide, blocks=blocks)

    @property
    def classes(self) -> Tensor:
        """Class of each sample (N,), the likeliest where labels are probabilities."""
        return self.labels.argmax(1) if self.labels.ndim == 2 else self.labels

    @property
    def names(self) -> list[str]:
        """Names of the samples."""
        names = [sample.metainfo.get('sample_name') for sample in self.samples]
        if not names or None in names:
            raise ValueError("a helper needs sample_name among PackActionInputs' meta_keys")
        return names

    @property
    def positions(self) -> Tensor:
        """Places (N,) of the samples in the training set."""
        if self.training_set is None:
            raise ValueError(
                'a helper needs the training set: add CoLearningDataCheckHook to default_hooks'
            )
        places, names = self.training_set.positions, self.names
        unknown = next((name for name in names if name not in places), None)
        if unknown is not None:
            raise ValueError(f'sample {unknown!r} is not in the training set that was announced')
        return torch.tensor([places[name] for name in names], device=self.logits.device)

    @property
    def epoch(self) -> int:
        """Epoch of the running training, from 0."""
        return int(MessageHub.get_current_instance().get_info('epoch', 0))

    @property
    def iteration(self) -> int:
        """Iteration of the running training, from 0."""
        return int(MessageHub.get_current_instance().get_info('iter', 0))


class TrainingHelper(BaseModule):
    """A loss that helps a network in training, with all that only this loss needs.

    It lives around the deployable network: its weights and buffers have keys below
    ``co_learning.``, which a deployed checkpoint drops. A subclass names what it ``needs`` (keys of
    :data:`TAPS`) and its ``required_inputs``, and gives :meth:`loss`. What has to survive an
    interruption is a buffer. What the samples of all processes decide goes through
    :func:`gathered`: the loss of the whole batch, computed in every process, gives DDP the
    gradient that one process would have. Its losses are multiplied by ``weight``.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    required_inputs: tuple[str, ...] = ()
    filled: ClassVar[Mapping[str, str]] = {}
    """Arguments whose names differ from those of the facts that fill them in."""
    mixed_precision: ClassVar[bool] = False
    """Whether it computes in the precision of the training; else in float32, and gets that."""
    blocks: tuple[int, ...] = ()
    """Numbers of the blocks whose features it takes, from 1."""

    def __init__(self, weight: float = 1.0, init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if weight < 0:
            raise ValueError(f'{type(self).__name__}: weight is {weight}, it is not negative')
        self.weight = weight

    @property
    def input_widths(self) -> dict[str, int]:
        """Widths that it expects of inputs which come from feature files."""
        return {}

    def prepare(self, training_set: TrainingSet) -> None:
        """Meet the training set, before the training begins or a checkpoint is loaded."""

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Give losses without weight, with ``loss`` in their names, and monitors of other names."""
        raise NotImplementedError


def next_draw(seed: int, draws: Tensor) -> torch.Generator:
    """Give the generator of the next draw, the same in all processes and after a resume.

    ``draws`` is the helper's buffer that counts them.
    """
    generator = torch.Generator().manual_seed(seed + int(draws))
    draws += 1
    return generator


def gathered(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Concatenate rows (N, ...) of all processes, with exact gradient, in the order of ranks."""
    sizes = collectives.gather_sizes(len(tensors[0]), tensors[0].device)
    return tuple(collectives.all_gather(x, sizes) for x in tensors)
