from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mmcl_ext.models.layers.initialization import init_fan_out, init_norm
from mmcl_ext.models.layers.matrix_products import multiply, sum_of_products
from mmcl_ext.models.layers.temporal_conv import build_shortcut


class CTRGraphConv(nn.Module):
    """Graph convolution with one learned topology per output channel and sample.

    Source: CTR-GC, Chen et al., "Channel-wise Topology Refinement Graph Convolution",
    ICCV 2021, Eq. 3-6. For subset k, with a and b two projections of the input's
    temporal mean to R channels and z a projection of the input to C' channels::

        D[r, u, v] = tanh(a[r, u] - b[r, v])
        M[c, u, v] = alpha * (W D + w)[c, u, v] + A[u, v]
        y[c, t, u] = sum over k and v of M[c, u, v] * z[c, t, v]

    and the result is ReLU(BN(y) + shortcut(x)). The formulas are evaluated in a
    cheaper order with the same result: the temporal mean is taken before the
    projections a and b; the projections of all subsets are one convolution each;
    alpha scales W and w; the sums over subsets and joints are one batched product of
    (V, S*V) by (S*V, T), for which time is kept as the last axis.

    This form is trained: alpha, W and the normalisation are still apart. ``deployment`` makes two
    more of its weights: ``fused_layers`` for PyTorch, ``portable_layers`` for exporters.

    Args:
        A: Initial topology (S, V, V); row u receives from column v. Trained.

    Attributes:
        relation: Merged projections a, b; output index (2, S, R).
        value: Merged projection z; output index (C', S).
        refine: W and w of all subsets; output index (S, C').
    """

    fast: bool = False
    """Whether training takes :class:`_Aggregate`."""

    def __init__(self, in_channels: int, out_channels: int, A: Tensor) -> None:
        super().__init__()
        subsets = A.shape[0]
        relation_channels = 8 if in_channels <= 16 else in_channels // 8
        self.out_channels = out_channels
        self.A = nn.Parameter(A.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.relation = nn.Conv1d(in_channels, 2 * subsets * relation_channels, 1)
        self.value = nn.Conv2d(in_channels, out_channels * subsets, 1)
        self.refine = nn.Conv2d(
            subsets * relation_channels, subsets * out_channels, 1, groups=subsets
        )
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)
        init_fan_out(self.relation, parts=2 * subsets)
        init_fan_out(self.value, parts=subsets)
        init_fan_out(self.refine, parts=subsets)
        init_norm(self.bn, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, _, joints, frames = x.shape
        fast = self.training and self.fast
        topology = None if fast else self.topology(x).view(n * self.out_channels, joints, -1)
        value = self.value(x).view(n * self.out_channels, -1, frames)  # (N*C', S*V, T)
        if topology is None:
            y = _Aggregate.apply(*self._terms(x, value.dtype), value)
        else:
            y = torch.bmm(topology, value)
        y = self.bn(y.view(n, self.out_channels, joints, frames))
        return F.relu(y + self.down(x), inplace=True)

    def _terms(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return what :class:`_Aggregate` multiplies: weights and terms of the topologies."""
        subsets, joints, _ = self.A.shape
        a, b = self.relation(x.mean(-1)).chunk(2, dim=1)  # (N, S*R, V) each
        distance = torch.tanh(a.unsqueeze(-2) - b.unsqueeze(-1))  # [v, u]: the last one receives
        distance = distance.view(len(x), subsets, -1, joints * joints).to(dtype)
        shared = self.A.transpose(1, 2).reshape(1, subsets, 1, -1).to(dtype)
        shared = torch.cat((torch.ones_like(shared), shared), dim=2).expand(len(x), -1, -1, -1)
        weight = self.alpha * self.refine.weight.view(subsets, self.out_channels, -1)
        bias = self.alpha * cast(Tensor, self.refine.bias).view(subsets, self.out_channels, 1)
        weight = torch.cat((weight, bias, torch.ones_like(bias)), dim=2).to(dtype)
        return weight, torch.cat((distance, shared), dim=2)

    def topology(self, x: Tensor) -> Tensor:
        """Infer the topologies (N, C', V, S, V) of features (N, C, V, T); the first V receives."""
        subsets, joints, _ = self.A.shape
        a, b = self.relation(x.mean(-1)).chunk(2, dim=1)  # (N, S*R, V) each
        distance = torch.tanh(a.unsqueeze(-1) - b.unsqueeze(-2))  # (N, S*R, V, V)
        refined = F.conv2d(distance, self.alpha * self.refine.weight, groups=subsets)
        refined = refined.view(-1, subsets, self.out_channels, joints, joints)
        refined = refined.permute(0, 2, 3, 1, 4)  # (N, C', V, S, V)
        bias = (self.alpha * cast(Tensor, self.refine.bias)).view(subsets, self.out_channels, 1)
        # (S, C', 1) and (S, V, V) meet in (C', V, S, V)
        shared = bias.permute(1, 2, 0).unsqueeze(-1) + self.A.transpose(0, 1)
        return refined.contiguous().add_(shared)

    def dynamic_topology(self, x: Tensor) -> Tensor:
        """Infer W D + w of features (R, C, V, T): (R, S, C', V, V); the first V receives."""
        a, b = self.relation(x.mean(-1)).chunk(2, dim=1)
        refined = self.refine(torch.tanh(a.unsqueeze(-1) - b.unsqueeze(-2)))
        return refined.unflatten(1, (len(self.A), -1))


class _Aggregate(torch.autograd.Function):
    """Topologies and what the joints receive along them, without copies in other orders.

    With weights (S, C', R + 2) of the terms (N, S, R + 2, V*V) of topologies, the last two
    terms being 1 and A, and values (N*C', S*V, T): (N*C', V, T).
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, terms: Tensor, value: Tensor) -> Tensor:
        n, subsets, _, pairs = terms.shape
        width = weight.shape[1]
        topology = terms.new_empty(n, width, subsets, pairs)
        for k in range(subsets):
            multiply(weight[k], terms[:, k], out=topology[:, :, k])
        topology = topology.view(len(value), value.shape[1], -1)  # (N*C', S*V, V)
        ctx.save_for_backward(weight, terms, value, topology)
        return torch.bmm(topology.transpose(1, 2), value)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight, terms, value, topology = ctx.saved_tensors
        n, subsets, _, pairs = terms.shape
        dvalue = torch.bmm(topology, grads[0])
        dtopology = torch.bmm(value, grads[0].transpose(1, 2)).view(n, -1, subsets, pairs)
        dweight, dterms = torch.empty_like(weight), torch.empty_like(terms)
        for k in range(subsets):
            part = dtopology[:, :, k]
            dweight[k] = sum_of_products(part, terms[:, k])
            multiply(weight[k].t(), part, out=dterms[:, k])
        return dweight, dterms, dvalue
