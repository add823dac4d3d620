"""CTR-GCN's layers rewritten for inference on a CPU.

Features are (N, C, T, V) with the joints innermost, so that a shift in time is an offset in
memory: graph and temporal convolutions become plain matrix products on views, without
copies and without the layout changes of a convolution library. Normalisations are folded into
the weights before them. Results equal the layers' in evaluation up to rounding.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.folded_norms import norm_affine
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.models.layers.skeleton_block import SkeletonBlock


def pointwise(conv: Any, norm: Any = None) -> tuple[Tensor, Tensor]:
    """Return weight (C', C) and bias (C',) of a 1x1 convolution and what normalises it."""
    weight, bias = conv.weight.flatten(1), conv.bias
    if norm is None:
        return weight, bias
    scale, shift = norm_affine(norm)
    return weight * scale[:, None], bias * scale + shift


class FusedLayer(nn.Module):
    """A layer whose weights are constants, kept as buffers outside of state dictionaries."""

    if TYPE_CHECKING:  # the buffers that are kept

        def __getattr__(self, name: str) -> Any: ...

    def keep(self, **tensors: Tensor) -> None:
        """Register contiguous copies of weights."""
        for name, tensor in tensors.items():
            value = tensor.detach().clone(memory_format=torch.contiguous_format)
            self.register_buffer(name, value, persistent=False)


class Pointwise(FusedLayer):
    """1x1 convolution as one matrix product, of weight (C', C) and bias (C',)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.keep(weight=weight, bias=bias[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, L) to (N, C', L)."""
        return torch.baddbmm(self.bias, self.weight.expand(len(x), -1, -1), x)

    def add_to(self, y: Tensor, x: Tensor) -> Tensor:
        """Add the result for x (N, C, L) to y (N, C', L), in place."""
        return y.baddbmm_(self.weight.expand(len(x), -1, -1), x).add_(self.bias)


class FusedGraphConv(FusedLayer):
    """:class:`CTRGraphConv` in evaluation, (N, C, T, V) to (N, C', T, V)."""

    def __init__(self, layer: CTRGraphConv) -> None:
        super().__init__()
        self.subsets, joints, _ = layer.A.shape
        self.out_channels = width = layer.out_channels
        scale, shift = norm_affine(layer.bn)
        weight, bias = pointwise(layer.value)  # output index (C', S)
        weight = weight.view(width, self.subsets, -1) * scale[:, None, None]
        bias = bias.view(width, self.subsets) * scale[:, None]
        self.values = nn.ModuleList(
            Pointwise(weight[:, k], bias[:, k]) for k in range(self.subsets)
        )
        self.down = None
        if isinstance(layer.down, nn.Sequential):
            weight, bias = pointwise(*layer.down)
            self.down = Pointwise(weight, bias + shift)
        refine: Any = layer.refine
        bias = (layer.alpha * refine.bias).view(self.subsets, width, 1)
        self.keep(
            relation_weight=layer.relation.weight.squeeze(-1),
            relation_bias=layer.relation.bias[:, None],  # type: ignore[index]
            refine=(layer.alpha * refine.weight).view(self.subsets, width, -1),
            # sender outside receiver: (S, C', V * V)
            shared=bias + layer.A.transpose(1, 2).flatten(1)[:, None],
            shift=shift[:, None],
        )
        self.joints = joints

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, C', T, V)."""
        n, channels, frames, joints = x.shape
        flat = x.view(n, channels, -1)
        y = x.new_empty(0)
        for k, (value, topology) in enumerate(zip(self.values, self._topologies(x), strict=True)):
            senders = value(flat).view(-1, frames, joints)  # (N*C', T, V)
            y = y.baddbmm_(senders, topology) if k else torch.bmm(senders, topology)
        y = y.view(n, self.out_channels, -1)
        y = y.add_(flat).add_(self.shift) if self.down is None else self.down.add_to(y, flat)
        return y.relu_().view(n, -1, frames, joints)

    def _topologies(self, x: Tensor) -> Iterator[Tensor]:
        """Infer the topology (N * C', V, V) of each subset; the last V receives."""
        n, joints = len(x), self.joints
        weight = self.relation_weight.expand(n, -1, -1)
        relation = torch.baddbmm(self.relation_bias, weight, x.mean(2))
        a, b = relation.chunk(2, dim=1)  # (N, S*R, V) each
        distance = torch.tanh_(a.unsqueeze(-2) - b.unsqueeze(-1))
        distance = distance.view(n, self.subsets, -1, joints * joints)
        for k in range(self.subsets):
            refined = torch.bmm(self.refine[k].expand(n, -1, -1), distance[:, k])
            yield refined.add_(self.shared[k]).view(-1, joints, joints)


class FusedTemporalConv(FusedLayer):
    """:class:`MultiScaleTemporalConv` in evaluation, (N, C, T, V) to (N, C', T', V)."""

    def __init__(self, layer: MultiScaleTemporalConv) -> None:
        super().__init__()
        self.width, self.stride = layer.width, layer.stride
        self.dilations, self.closes = layer.dilations, layer.relu_after_concat
        scale, shift = norm_affine(layer.bn)
        scales, shifts = scale.split(self.width), shift.split(self.width)
        weight, bias = pointwise(layer.reduce, layer.reduce_bn)
        last_weight, last_bias = pointwise(layer.shortcut)
        last_weight, last_bias = last_weight * scales[-1][:, None], last_bias * scales[-1]
        self.entry = Pointwise(
            torch.cat((weight, last_weight)), torch.cat((bias, last_bias + shifts[-1]))
        )
        biases, self.taps = [], 0
        convs: Any = layer.convs
        for index, conv in enumerate(convs):
            weight = conv.weight.squeeze(2).permute(2, 0, 1)  # (taps, C'', C'')
            self.keep(**{f'kernel{index}': weight * scales[index][:, None]})
            biases.append(conv.bias * scales[index] + shifts[index])
            self.taps = len(weight)
        self.keep(
            bias=torch.cat(biases).view(-1, 1, 1),
            pool_scale=scales[-2].view(-1, 1, 1),
            pool_shift=shifts[-2].view(-1, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, C', T', V)."""
        n, channels, frames, joints = x.shape
        h = self.entry(x.view(n, channels, -1)).view(n, -1, frames, joints)
        kept = -(-frames // self.stride)
        output = h.new_empty(n, h.shape[1], kept, joints)
        *parts, pooled, shortcut = h.split(self.width, dim=1)
        *places, pool_place, last = output.split(self.width, dim=1)
        h[:, : -self.width].relu_()
        output[:, : len(self.bias)] = self.bias
        for index, (part, place) in enumerate(zip(parts, places, strict=True)):
            self._convolve(index, part, place)
        self._pool(pooled, pool_place)
        last.copy_(shortcut[:, :, :: self.stride])
        return output.relu_() if self.closes else output

    def _convolve(self, index: int, x: Tensor, y: Tensor) -> None:
        """Add a dilated convolution of x (N, C'', T, V) to y (N, C'', T', V)."""
        kernel = getattr(self, f'kernel{index}')
        n, width, kept, _ = y.shape
        for tap in range(self.taps):
            offset = (tap - self.taps // 2) * self.dilations[index]
            source, start, stop = self._shifted(x, offset, kept)
            if start < stop:
                place = y[:, :, start:stop].view(n, width, -1)
                place.baddbmm_(kernel[tap].expand(n, -1, -1), source.reshape(n, width, -1))

    def _shifted(self, x: Tensor, offset: int, kept: int) -> tuple[Tensor, int, int]:
        """Return the frames stride * t + offset that exist, and the range of t."""
        start = max(0, -(offset // self.stride))
        stop = min(kept, -((offset - x.shape[2]) // self.stride))
        first = start * self.stride + offset
        return x[:, :, first :: self.stride][:, :, : max(0, stop - start)], start, stop

    def _pool(self, x: Tensor, y: Tensor) -> None:
        """Write the maxima over three frames of x (N, C'', T, V), normalised, to y."""
        y.copy_(x[:, :, :: self.stride])
        for offset in (-1, 1):
            source, start, stop = self._shifted(x, offset, y.shape[2])
            place = y[:, :, start:stop]
            torch.maximum(place, source, out=place)
        y.mul_(self.pool_scale).add_(self.pool_shift)


class FusedBlock(nn.Module):
    """:class:`SkeletonBlock` of CTR-GCN in evaluation, (N, C, T, V) to (N, C', T', V)."""

    def __init__(self, block: SkeletonBlock) -> None:
        super().__init__()
        gcn: Any = block.gcn
        tcn: Any = block.tcn
        self.gcn = FusedGraphConv(gcn)
        self.tcn = FusedTemporalConv(tcn)
        self.stride = self.tcn.stride
        self.adds_input = isinstance(block.residual, nn.Identity)
        self.residual = None
        if block.residual is not None and not self.adds_input:
            residual: Any = block.residual
            self.residual = Pointwise(*pointwise(residual.conv, residual.bn))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, C', T', V)."""
        y = self.tcn(self.gcn(x))
        if self.residual is not None:
            kept = x[:, :, :: self.stride].reshape(len(x), x.shape[1], -1)
            y = self.residual.add_to(y.view(len(x), y.shape[1], -1), kept).view_as(y)
        elif self.adds_input:
            y = y.add_(x)
        return y.relu_()


class FusedBlocks(nn.Module):
    """All blocks of CTR-GCN, with the layout of the unfused ones around them."""

    def __init__(self, blocks: Sequence[SkeletonBlock]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FusedBlock(block) for block in blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T')."""
        x = x.transpose(2, 3).contiguous()
        for block in self.blocks:
            x = block(x)
        return x.transpose(2, 3)
