import torch.nn.functional as F
from torch import Tensor

from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv


class KHopGraphConv(CTRGraphConv):
    """CTR-GC whose topologies reach over several hops, with weights that fall from hop to hop.

    Source: the first layer of LA-GCN (arXiv 2305.12398), as released. With M[k] the topologies of
    :class:`CTRGraphConv` and z[k] its values, per channel::

        y = sum over k of sum over i = 0 .. hops of a (1 - a)^i M[k]^i z[k]

    evaluated by Horner's rule, without powers of M.
    """

    restart: float = 0.15
    """a, the share of the joint itself."""

    hops: int = 4

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, _, joints, frames = x.shape
        subsets = len(self.A)
        topology = (1 - self.restart) * self.topology(x).transpose(2, 3)  # (N, C', S, V, V)
        value = self.value(x).view(n, self.out_channels, subsets, joints, frames)
        topology = topology.to(value.dtype)
        y = value
        for _ in range(self.hops):
            y = value + topology @ y
        y = self.bn(self.restart * y.sum(2))
        return F.relu(y + self.down(x), inplace=True)
