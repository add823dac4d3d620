"""Rules of the parts that the published networks share."""

from collections.abc import Iterator

from mmcl_ext.checkpoints.families.key_table import (
    INTERLEAVED_INPUTS,
    MERGED,
    STACKED,
    Rule,
    TensorPacking,
    conv,
    norm,
)


def network_rules() -> Iterator[Rule]:
    """Yield what surrounds the blocks: input normalisation and classifier."""
    yield from norm('backbone.data_bn', 'data_bn')
    yield from conv('cls_head.fc', 'fc')


def residual_rules(ours: str, theirs: str) -> Iterator[Rule]:
    """Yield the rules of a :class:`TemporalConv`."""
    yield from conv(f'{ours}.conv', f'{theirs}.conv')
    yield from norm(f'{ours}.bn', f'{theirs}.bn')


def shortcut_rules(ours: str, theirs: str) -> Iterator[Rule]:
    """Yield the rules of a graph convolution's normalisation and shortcut."""
    yield from norm(f'{ours}.bn', f'{theirs}.bn')
    yield from conv(f'{ours}.down.0', f'{theirs}.down.0')
    yield from norm(f'{ours}.down.1', f'{theirs}.down.1')


def multi_scale_rules(
    ours: str, theirs: str, *, bias: str = 'conv.bias', bias_layout: TensorPacking = MERGED
) -> Iterator[Rule]:
    """Yield the rules of a :class:`MultiScaleTemporalConv`.

    ``bias`` is the published name of a dilated convolution's bias, in its module.
    """
    dilated = [f'{theirs}.branches.{index}' for index in (0, 1)]
    pooled, plain = (f'{theirs}.branches.{len(dilated) + i}' for i in (0, 1))
    yield from conv(f'{ours}.reduce', [f'{branch}.0' for branch in (*dilated, pooled)])
    yield from norm(f'{ours}.reduce_bn', [f'{branch}.1' for branch in (*dilated, pooled)])
    for index, branch in enumerate(dilated):
        yield Rule(f'{ours}.convs.{index}.weight', (f'{branch}.3.conv.weight',), MERGED)
        yield Rule(f'{ours}.convs.{index}.bias', (f'{branch}.3.{bias}',), bias_layout)
    yield from conv(f'{ours}.shortcut', f'{plain}.0')
    closing = [*(f'{branch}.3.bn' for branch in dilated), f'{pooled}.4', f'{plain}.1']
    yield from norm(f'{ours}.bn', closing)


def summed_rules(ours: str, theirs: str, branches: int) -> Iterator[Rule]:
    """Yield the rules of a :class:`SubsetConv`, in theirs a list of convolutions."""
    parts = [f'{theirs}.{index}' for index in range(branches)]
    yield Rule(f'{ours}.weight', tuple(f'{part}.weight' for part in parts), INTERLEAVED_INPUTS)
    yield Rule(f'{ours}.biases', tuple(f'{part}.bias' for part in parts), STACKED)
