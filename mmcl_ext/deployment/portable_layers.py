import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.deployment.fused_layers import FusedLayer, pointwise
from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.folded_norms import norm_affine


class PortableGraphConv(FusedLayer):
    """:class:`CTRGraphConv` in evaluation, (N, C, V, T) to (N, C', V, T), for export.

    Runtimes turn what the layer does to topologies into transpositions and additions of
    large arrays. Here the shared topology A is one more channel that the refinement
    weighs by one, each subset has a convolution of its own, and their results are put
    side by side in the order in which the aggregation reads them::

        M[k] = (alpha * W[k], 1) (tanh(a[k] - b[k]); A[k]) + alpha * w[k]
        y = (M[1], M[2], ...) (z[1]; z[2]; ...)

    Results equal the layer's, which is left as it is, up to rounding.
    """

    def __init__(self, layer: CTRGraphConv) -> None:
        super().__init__()
        self.subsets, self.joints, _ = layer.A.shape
        self.out_channels = layer.out_channels
        self.projects = isinstance(layer.down, nn.Sequential)
        scale, shift = norm_affine(layer.bn)
        self.keep(shift=shift.view(-1, 1, 1))
        self._keep_value(layer, scale)
        self._keep_topology(layer)
        if self.projects:
            down: Any = layer.down
            weight, bias = pointwise(*down)
            self.keep(down_weight=weight[..., None, None], down_bias=bias + shift)

    def _keep_value(self, layer: CTRGraphConv, scale: Tensor) -> None:
        """Fold the normalisation into the projection z; output index (C', S)."""
        weight, bias = pointwise(layer.value)
        scale = scale.repeat_interleave(self.subsets)
        self.keep(value_weight=(weight * scale[:, None])[..., None, None], value_bias=bias * scale)

    def _keep_topology(self, layer: CTRGraphConv) -> None:
        refine: Any = layer.refine
        shape = (self.subsets, self.out_channels)
        weight = (layer.alpha * refine.weight).view(*shape, -1, 1, 1)
        self.keep(
            relation_weight=layer.relation.weight.squeeze(-1),
            relation_bias=layer.relation.bias[:, None],  # type: ignore[index]
            refine_weight=torch.cat((weight, torch.ones_like(weight[:, :, :1])), dim=2),
            refine_bias=(layer.alpha * refine.bias).view(shape),
            adjacency=layer.A[None, :, None],
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, _, joints, frames = x.shape
        value = F.conv2d(x, self.value_weight, self.value_bias)
        value = value.view(n, self.out_channels, self.subsets * joints, frames)
        y = torch.matmul(self.topology(x), value)
        if self.projects:
            return F.relu(y + F.conv2d(x, self.down_weight, self.down_bias))
        return F.relu(y + x + self.shift)

    def topology(self, x: Tensor) -> Tensor:
        """Infer the topologies (N, C', V, S*V) of features (N, C, V, T); V receives."""
        n = x.shape[0]  # len() would make it a constant of the exported graph
        relation = torch.matmul(self.relation_weight, x.mean(3)) + self.relation_bias
        a, b = relation.chunk(2, dim=1)  # (N, S*R, V) each
        distance = torch.tanh(a.unsqueeze(-1) - b.unsqueeze(-2))
        distance = distance.view(n, self.subsets, -1, self.joints, self.joints)
        shared = self.adjacency.expand(n, -1, -1, -1, -1)
        basis = torch.cat((distance, shared), dim=2)  # (N, S, R + 1, V, V)
        return torch.cat(
            [
                F.conv2d(basis[:, k], self.refine_weight[k], self.refine_bias[k])
                for k in range(self.subsets)
            ],
            dim=3,
        )


@torch.no_grad()
def with_portable_layers(backbone: nn.Module) -> nn.Module:
    """Return a copy of a backbone in evaluation whose CTR-GCN layers suit runtimes."""
    portable = copy.deepcopy(backbone).eval().requires_grad_(False)
    for module in list(portable.modules()):
        for name, child in module.named_children():
            if type(child) is CTRGraphConv:
                setattr(module, name, PortableGraphConv(child))
    return portable
