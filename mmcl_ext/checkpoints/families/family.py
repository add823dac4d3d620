"""What is known of one family of published checkpoints."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from mmcl_ext.checkpoints.families.key_table import (
    SAME,
    Rule,
    State,
    conv,
    count_indices,
    norm,
    residual_rules,
    to_ours,
    to_theirs,
)
from mmcl_ext.graphs.layouts import usual_layout

Config = dict[str, Any]


class Options(NamedTuple):
    """What no checkpoint stores: InfoGCN's order, HD-GCN's centre of mass, counted from 1."""

    k: int | None = None
    center: int | None = None


class Settings(NamedTuple):
    """The model that a checkpoint belongs to, and what a user has to know about it."""

    model_cfg: Config
    notes: tuple[str, ...] = ()


class Family:
    """One family of checkpoints, of entries named as in ours unless a subclass converts.

    Where an entry is missing or unknown the methods raise a ValueError.

    Attributes:
        signature: Entry that no other family has.
        traits: Attributes that our backbone must have, since no entry shows them.
        train_only: What the keys of entries begin with that only training needs, for a ``branch``.
    """

    name: str
    signature: str
    backbone: str
    traits: Mapping[str, Any] = MappingProxyType({})
    options: tuple[str, ...] = ()
    train_only: tuple[str, ...] = ()
    branch = 'co-learning'

    def fits(self, state: State) -> bool:
        """Tell whether a published state is of this family."""
        return self.signature in state

    def configure(self, state: State, options: Options) -> Settings:
        """Find the settings from a published state."""
        raise NotImplementedError

    def clean(self, state: State) -> dict[str, Tensor]:
        """Leave out of a published state what carries nothing."""
        return dict(state)

    def to_ours(self, state: State) -> dict[str, Tensor]:
        """Convert a bare published state into that of a recognizer."""
        return dict(state)

    def to_theirs(self, state: State) -> dict[str, Tensor]:
        """Convert a recognizer's state back, without loss."""
        return dict(state)


def spatial_graph(joints: int) -> Config:
    """Describe the graph of the CTR-GCN authors' code."""
    return dict(type='SkeletonGraph', layout=layout_of(joints, '-ctrgcn'), mode='spatial')


def layout_of(joints: int, ntu_edges: str = '') -> str:
    """Name the layout with a number of joints; learned adjacencies need no more."""
    layout = usual_layout(joints)
    if layout is None:
        raise ValueError(
            f'no layout is known with {joints} joints: give a configuration whose graph has them'
        )
    return layout + ntu_edges if layout == 'nturgb+d' else layout


def take_entry(state: State, key: str) -> Tensor:
    """Take an entry that the conversion cannot do without."""
    if key not in state:
        raise ValueError(f'the checkpoint lacks {key!r}')
    return state[key]


def input_shape(state: State, joints: int, channels: int, norm: str = 'data_bn') -> Config:
    """Find persons and coordinates; the defaults are left out."""
    slots = len(take_entry(state, f'{norm}.weight'))
    persons, rest = divmod(slots, joints * channels)
    if rest or not persons:
        raise ValueError(
            f'{norm}.weight has {slots} entries, no multiple of '
            f'{joints} joints with {channels} coordinates'
        )
    return without_defaults(
        dict(num_person=persons, in_channels=channels), num_person=2, in_channels=3
    )


def stages(state: State, width_key: str, first: int = 1, **usual: Any) -> Config:
    """Find the number of blocks and where they widen; the defaults are left out.

    Strides leave no trace of their own. Where blocks widen as usual, the strides are the usual
    ones; else a block is assumed to halve the frames where it widens. ``width_key`` names an entry
    with a value per channel of the block ``{}``; blocks count from ``first``; ``usual`` are
    defaults other than those of :class:`SkeletonBackbone`.
    """
    usual = dict(base_channels=64, num_stages=10, inflate_stages=(5, 8), down_stages=(5, 8)) | usual
    base = len(take_entry(state, width_key.format(first)))
    widths: list[int] = []
    while width_key.format(len(widths) + first) in state:
        widths.append(len(state[width_key.format(len(widths) + first)]))
    steps = tuple(i + 1 for i in range(1, len(widths)) if widths[i] > widths[i - 1])
    found = dict(base_channels=base, num_stages=len(widths), inflate_stages=steps)
    down = usual['down_stages'] if steps == usual['inflate_stages'] else steps
    return without_defaults(found | dict(down_stages=down), **usual)


def without_defaults(found: Config, **defaults: Any) -> Config:
    """Leave out the settings that equal a default."""
    return {key: value for key, value in found.items() if defaults.get(key) != value}


def recognizer(backbone: Config, classifier: Tensor, head: str = 'GCNHead') -> Config:
    """Describe a recognizer with the classes of a published classifier (K, C)."""
    cls_head = dict(type=head, num_classes=len(classifier))
    return dict(type='SkeletonRecognizer', backbone=backbone, cls_head=cls_head)


class AuthorsFamily(Family):
    """A network of its authors: modules l1, l2, ... and a table of its keys.

    Attributes:
        adjacency: Entry with the adjacency of the first block, (..., V, V).
        first_layer: Entry with the weight of a layer that reads the input, (C', C, ...).
        widths: Entry with a value per channel of block ``{}``.
        usual: Defaults of our backbone that differ from those of others.
        classifier: Entry with the weight of the classifier, (K, C).
    """

    adjacency = 'l1.gcn1.PA'
    first_layer: str
    widths = 'l{}.gcn1.bn.weight'
    usual: Mapping[str, Any] = MappingProxyType({})
    classifier = 'fc.weight'
    head = 'GCNHead'

    def network_rules(self) -> Iterator[Rule]:
        """Yield what surrounds the blocks: input normalisation and classifier."""
        yield from norm('backbone.data_bn', 'data_bn')
        yield from conv('cls_head.fc', 'fc')

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:
        """Yield a block's rules, ``sizes`` being its subsets, or levels and subsets."""
        raise NotImplementedError

    def table(self, blocks: int, sizes: Sequence[int]) -> Iterator[Rule]:
        """Yield all rules, given the leading axes of a block's adjacency."""
        yield from self.network_rules()
        for index in range(blocks):
            ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
            yield from self.block_rules(ours, theirs, *sizes)
            yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        joints = take_entry(state, self.adjacency).shape[-1]
        return Settings(self.read_settings(state, spatial_graph(joints)))

    def read_settings(self, state: State, graph: Config, **found: Any) -> Config:
        """Describe the recognizer on a graph, with settings that were found elsewhere."""
        backbone = dict(type=self.backbone, graph_cfg=graph) | found | self.read_input(state)
        backbone |= stages(state, self.widths, **self.usual)
        return recognizer(backbone, take_entry(state, self.classifier), self.head)

    def read_input(self, state: State) -> Config:
        """Find persons and coordinates; the defaults are left out."""
        joints = take_entry(state, self.adjacency).shape[-1]
        return input_shape(state, joints, take_entry(state, self.first_layer).shape[1])

    def to_ours(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        sizes = take_entry(state, self.adjacency).shape[:-2]
        return to_ours(state, self.table(count_indices(state, r'l(\d+)\.'), sizes))

    def to_theirs(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        sizes = take_entry(state, 'backbone.blocks.0.gcn.A').shape[:-2]
        blocks = count_indices(state, r'backbone\.blocks\.(\d+)\.')
        return to_theirs(state, self.table(blocks, sizes))


class EmbeddedFamily(AuthorsFamily):
    """A network of its authors behind an embedding of joints with trained positions."""

    def network_rules(self) -> Iterator[Rule]:  # noqa: D102
        yield Rule('backbone.position', ('pos_embedding',), SAME)
        yield from conv('backbone.joint_embedding', 'to_joint_embedding')
        yield from super().network_rules()

    def read_input(self, state: State) -> Config:  # noqa: D102
        _, joints, width = take_entry(state, 'pos_embedding').shape
        found = input_shape(state, joints, width) | dict(
            in_channels=take_entry(state, 'to_joint_embedding.weight').shape[1]
        )
        return without_defaults(found, in_channels=3)
