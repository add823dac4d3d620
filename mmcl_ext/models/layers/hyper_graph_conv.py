from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_fan_out, init_norm
from mmcl_ext.models.layers.temporal_conv import build_shortcut


class HyperGraphConv(nn.Module):
    """Graph convolution along the bones and along hyper-edges inferred from the sample.

    Source: Hyper-GCN (arXiv 2411.14796), as released. H trained virtual joints, constant in time,
    join the V joints: U = V + H nodes, S heads. With q a projection of the input's temporal mean
    to R channels per head, each node is a hyper-edge of its K nearest nodes in q, with the weight
    w, a trained function of the temporal mean in (-1, 1)::

        B[v, e] = softmax over the K nearest e of v of -|q[v] - q[e]|, else 0
        D = |w| times the sums of B's rows,  E = the sums of B's columns
        G = D^-1 B diag(w) E^-1 diag(w) B^T
        M = A I / (row sums of |A I|) + ReLU(alpha) G
        y[u] = sum over v of M[u, v] W x[v]

    with I trained importances that start at 1, A the bones, and W a convolution of S groups. The
    result of the V joints is ReLU(BN(y) + shortcut(x)). Here the virtual joints, which are the
    same in every frame, are projected and aggregated once, not frame by frame.

    Args:
        A: Topology (S, U, U), row-receives, the virtual joints last. It stays as it is.
        virtual_joints: H, which start alike.
        neighbours: K.
    """

    A: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        A: Tensor,
        *,
        virtual_joints: int = 3,
        neighbours: int = 9,
    ) -> None:
        super().__init__()
        heads = len(A)
        if in_channels % heads or out_channels % heads:
            raise ValueError(f'{heads} heads cannot share {in_channels} to {out_channels} channels')
        width = heads * max(in_channels // heads // 4, 1)
        self.neighbours = neighbours
        self.register_buffer('A', A.clone())
        self.importance = nn.Parameter(torch.ones_like(A))
        self.alpha = nn.Parameter(torch.ones(1))
        self.virtual_joints = nn.Parameter(torch.randn(in_channels).repeat(virtual_joints, 1))
        self.relation = nn.Conv1d(in_channels, width, 1, groups=heads)
        self.weigh = nn.Conv1d(in_channels, width, 1, groups=heads)
        self.weigh_heads = nn.Conv1d(width, heads, 1)
        self.value = nn.Conv2d(in_channels, out_channels, 1, groups=heads)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)
        for conv in (self.relation, self.weigh, self.weigh_heads, self.value):
            init_fan_out(conv)
        init_norm(self.bn, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        heads, joints = len(self.A), x.shape[2]
        value = self.value(x).unflatten(1, (heads, -1))  # (N, S, R, V, T)
        topology = self.topology(x.mean(-1)).unsqueeze(2).to(value.dtype)  # (N, S, 1, V, U)
        y = topology[..., :joints] @ value + topology[..., joints:] @ self.virtual_values()
        return F.relu(self.bn(y.flatten(1, 2)) + self.down(x), inplace=True)

    def virtual_values(self) -> Tensor:
        """Project the virtual joints, (S, R, H, 1)."""
        heads = len(self.A)
        weight = self.value.weight.view(heads, -1, self.value.in_channels // heads)
        values = weight @ self.virtual_joints.t().unflatten(0, (heads, -1))
        return (values + cast(Tensor, self.value.bias).view(heads, -1, 1)).unsqueeze(-1)

    def topology(self, mean: Tensor) -> Tensor:
        """Infer the topologies (N, S, V, U) of temporal means (N, C, V); V receives."""
        joints = mean.shape[-1]
        bones = self.A[:, :joints] * self.importance[:, :joints]
        bones = bones / _positive(bones.abs().sum(-1, keepdim=True))
        return bones + self.hyper_edges(mean)

    def dynamic_topology(self, x: Tensor) -> Tensor:
        """Infer what features (N, C, V, T) add to the topologies, (N, S, 1, V, V)."""
        return self.hyper_edges(x.mean(-1))[..., : x.shape[2]].unsqueeze(2)

    def hyper_edges(self, mean: Tensor) -> Tensor:
        """Infer ReLU(alpha) G (N, S, V, U) of temporal means (N, C, V)."""
        n, _, joints = mean.shape
        nodes = torch.cat((mean, self.virtual_joints.t().to(mean).expand(n, -1, -1)), dim=2)
        incidence = self.incidence(nodes)  # (N, S, U, U)
        weight = F.leaky_relu(self.weigh(nodes))
        weight = self.weigh_heads(weight).tanh().unsqueeze(-2)  # (N, S, 1, U)
        columns = _positive(incidence.sum(-2, keepdim=True))
        sent = incidence[:, :, :joints] * weight
        sent = sent / _positive(sent.abs().sum(-1, keepdim=True))
        return F.relu(self.alpha) * (sent * (weight / columns)) @ incidence.transpose(-1, -2)

    def incidence(self, nodes: Tensor) -> Tensor:
        """Join each of nodes (N, C, U) to its nearest ones: (N, S, U, U), rows sum to 1."""
        q = self.relation(nodes).unflatten(1, (len(self.A), -1))
        distance = torch.linalg.vector_norm(q.unsqueeze(-1) - q.unsqueeze(-2), dim=2)
        nearest = distance.topk(min(self.neighbours, distance.shape[-1]), largest=False)
        closeness = (-nearest.values).softmax(-1)
        return torch.zeros_like(distance, dtype=closeness.dtype).scatter(
            -1, nearest.indices, closeness
        )


def _positive(x: Tensor) -> Tensor:
    """Add 1e-8, in a form that exporters do not simplify to nothing."""
    return (x * 1e8 + 1) * 1e-8
