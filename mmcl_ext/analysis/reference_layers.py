"""The layers of the published networks that this package computes in a cheaper order.

The authors' tables of parameters and multiply-accumulates were made by a counter that
hooks into modules (thop 0.1.1). Hooked into our modules it would count other layers:
several published ones are merged into one of ours, and some work is saved. So what
the authors' modules are, and how often each is applied, is written down here.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """One module, or one product of two activations.

    Attributes:
        kind: ``'conv'``, ``'linear'``, ``'norm'``, ``'matmul'`` (no module), or
            ``'parameter'`` (a parameter that belongs to no such module).
        work: Multiply-accumulates; elements of the input for ``'norm'``.
        parameters: Number of parameters.
        names: Attributes under which the published module is reachable.
    """

    kind: str
    work: int
    parameters: int
    names: int = 1


class Size(NamedTuple):
    """Size of an activation without its channels."""

    bodies: int
    frames: int
    joints: int

    @property
    def positions(self) -> int:
        """Number of channel vectors."""
        return math.prod(self)


def conv(
    in_channels: int, out_channels: int, positions: int, *, taps: int = 1, bias: bool = True
) -> Layer:
    """Describe a convolution by the number of vectors that it gives."""
    weights = in_channels * out_channels * taps
    return Layer('conv', weights * positions, weights + bias * out_channels)


def linear(in_channels: int, out_channels: int, positions: int) -> Layer:
    """Describe a linear layer."""
    return conv(in_channels, out_channels, positions)._replace(kind='linear')


def norm(channels: int, positions: int) -> Layer:
    """Describe a normalisation with scale and shift."""
    return Layer('norm', channels * positions, 2 * channels)


def matmul(work: int) -> Layer:
    """Describe a product of activations, or of an activation and an adjacency."""
    return Layer('matmul', work, 0)


def parameter(count: int) -> Layer:
    """Describe parameters that no counted module owns."""
    return Layer('parameter', 0, count)


def blocks(backbone: Any, size: Size) -> Iterator[tuple[Any, Size, Size]]:
    """Yield the shape of every block with the sizes of its input and output."""
    for shape in backbone.block_shapes():
        outgoing = size._replace(frames=-(-size.frames // shape.stride))
        yield shape, size, outgoing
        size = outgoing


def ctrgcn(backbone: Any, head: Any, size: Size, batch: int) -> Iterator[Layer]:
    """Yield the layers of CTR-GCN."""
    subsets = backbone.graph.A.shape[0]
    yield _input_norm(backbone, size, backbone.in_channels)
    for shape, incoming, outgoing in blocks(backbone, size):
        yield from _ctr_graph_conv(shape, incoming, subsets)
        yield from _multi_scale(shape.out_channels, incoming, outgoing)
        yield from _residual(shape, outgoing)
    yield linear(backbone.out_channels, head.num_classes, batch)


def ctrsgcn(backbone: Any, head: Any, size: Size, batch: int) -> Iterator[Layer]:
    """Yield the layers of CTR-GCN's baseline."""
    subsets = backbone.graph.A.shape[0]
    yield _input_norm(backbone, size, backbone.in_channels)
    for shape, incoming, outgoing in blocks(backbone, size):
        channels = (shape.in_channels, shape.out_channels)
        yield parameter(subsets * size.joints**2)
        for _ in range(subsets):
            yield matmul(shape.in_channels * size.joints * incoming.positions)
            yield conv(*channels, incoming.positions)
        yield from _shortcut(*channels, incoming)
        yield conv(shape.out_channels, shape.out_channels, outgoing.positions, taps=5)
        yield norm(shape.out_channels, outgoing.positions)
        yield from _residual(shape, outgoing)
    yield linear(backbone.out_channels, head.num_classes, batch)


def infogcn(backbone: Any, head: Any, size: Size, batch: int) -> Iterator[Layer]:
    """Yield the layers of InfoGCN with its information bottleneck."""
    width, channels = backbone.base_channels, backbone.out_channels
    yield matmul(backbone.in_channels * size.joints * size.positions)
    yield linear(backbone.in_channels, width, size.positions)
    yield parameter(size.joints * width)
    yield _input_norm(backbone, size, width)
    for shape, incoming, outgoing in blocks(backbone, size):
        yield from _attention_graph_conv(shape, incoming, backbone.graph.A.shape[0])
        yield from _multi_scale(shape.out_channels, incoming, outgoing)
        yield from _residual(shape, outgoing)
    for _ in ('fc', 'mean', 'log-variance'):
        yield linear(channels, channels, batch)
    yield linear(channels, head.num_classes, batch)


def hdgcn(backbone: Any, head: Any, size: Size, batch: int) -> Iterator[Layer]:
    """Yield the layers of HD-GCN."""
    levels, subsets = backbone.graph.A.shape[:2]
    yield _input_norm(backbone, size, backbone.in_channels)
    for shape, incoming, outgoing in blocks(backbone, size):
        yield from _hd_graph_conv(shape, incoming, levels, subsets)
        if shape.stage > 1:
            yield from _level_attention(shape.out_channels, incoming, levels)
        yield from _shortcut(shape.in_channels, shape.out_channels, incoming)
        yield from _multi_scale(shape.out_channels, incoming, outgoing, own_bias=True)
        yield from _residual(shape, outgoing)
    yield linear(backbone.out_channels, head.num_classes, batch)


PUBLISHED: dict[str, Callable[[Any, Any, Size, int], Iterable[Layer]]] = {
    'CTRGCN': ctrgcn,
    'CTRSGCN': ctrsgcn,
    'InfoGCN': infogcn,
    'HDGCN': hdgcn,
}
"""Layers by the class name of our backbone."""


def _input_norm(backbone: Any, size: Size, channels: int) -> Layer:
    """Normalise per person slot, joint and channel."""
    slots = backbone.num_person * size.joints * channels
    return norm(slots, size.bodies // backbone.num_person * size.frames)


def _residual(shape: Any, outgoing: Size) -> Iterator[Layer]:
    if _has_residual_conv(shape):
        yield conv(shape.in_channels, shape.out_channels, outgoing.positions)
        yield norm(shape.out_channels, outgoing.positions)


def _has_residual_conv(shape: Any) -> bool:
    """Tell a convolution from an identity; networks start without, or with an equal width."""
    return shape.stage > 1 and (shape.in_channels != shape.out_channels or shape.stride > 1)


def _shortcut(in_channels: int, out_channels: int, size: Size) -> Iterator[Layer]:
    """Close a graph convolution: normalisation, and a projection where the width changes."""
    yield norm(out_channels, size.positions)
    if in_channels != out_channels:
        yield conv(in_channels, out_channels, size.positions)
        yield norm(out_channels, size.positions)


def _multi_scale(
    channels: int, incoming: Size, outgoing: Size, *, own_bias: bool = False
) -> Iterator[Layer]:
    """Two dilated branches of five taps, one of max pooling, one plain."""
    width = channels // 4
    for branch in ('dilated', 'dilated', 'pooled'):
        yield conv(channels, width, incoming.positions)
        yield norm(width, incoming.positions)
        if branch == 'dilated':
            yield conv(width, width, outgoing.positions, taps=5, bias=not own_bias)
            yield parameter(width * own_bias)
        yield norm(width, outgoing.positions)
    yield conv(channels, width, outgoing.positions)
    yield norm(width, outgoing.positions)


def _ctr_graph_conv(shape: Any, size: Size, subsets: int) -> Iterator[Layer]:
    channels = (shape.in_channels, shape.out_channels)
    relation = 8 if shape.in_channels <= 16 else shape.in_channels // 8
    yield parameter(subsets * size.joints**2 + 1)
    for _ in range(subsets):
        yield conv(shape.in_channels, relation, size.positions)
        yield conv(shape.in_channels, relation, size.positions)
        yield conv(*channels, size.positions)
        yield conv(relation, shape.out_channels, size.bodies * size.joints**2)
        yield matmul(shape.out_channels * size.joints * size.positions)
    yield from _shortcut(*channels, size)


def _attention_graph_conv(shape: Any, size: Size, heads: int) -> Iterator[Layer]:
    channels = (shape.in_channels, shape.out_channels)
    inner = heads * (shape.in_channels // 8)
    yield parameter(heads * size.joints**2)
    yield norm(shape.in_channels, size.positions)
    yield linear(shape.in_channels, 2 * inner, size.positions)
    yield matmul(inner * size.joints * size.positions)
    for _ in range(heads):
        yield matmul(shape.in_channels * size.joints * size.positions)
        yield conv(*channels, size.positions)
    yield from _shortcut(*channels, size)


def _hd_graph_conv(shape: Any, size: Size, levels: int, subsets: int) -> Iterator[Layer]:
    width = shape.out_channels // (subsets + 1)
    yield parameter(levels * subsets * size.joints**2)
    for level in range(levels):
        yield conv(shape.in_channels, width, size.positions)
        yield norm(width, size.positions)
        # The authors' loop leaves the last level's modules under a second name, conv_d.
        names = 2 if level == levels - 1 else 1
        for _ in range(subsets):
            yield matmul(width * size.joints * size.positions)
            yield conv(width, width, size.positions)._replace(names=names)
            yield norm(width, size.positions)._replace(names=names)
        pooled = size._replace(frames=1)
        yield from (layer._replace(names=names) for layer in _edge_conv(width, pooled, 5))


def _level_attention(channels: int, size: Size, levels: int) -> Iterator[Layer]:
    width = channels // 4
    yield conv(channels, width, size.bodies * levels * size.joints)
    yield norm(width, size.bodies * levels * size.joints)
    yield from _edge_conv(width, Size(size.bodies, 1, levels), 3)
    yield conv(width, channels, size.bodies * levels)


def _edge_conv(width: int, nodes: Size, neighbours: int) -> Iterator[Layer]:
    """Find neighbours by inner products, convolve pairs without bias, take the maximum."""
    neighbours = min(neighbours, nodes.joints)
    yield matmul(width * nodes.joints * nodes.positions)
    yield conv(2 * width, width, nodes.positions * neighbours, bias=False)
    yield norm(width, nodes.positions * neighbours)
