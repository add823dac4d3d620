from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmcl_ext.models.layers.edge_conv import EdgeConv
from mmcl_ext.models.layers.initialization import init_fan_out


class HierarchyAggregation(nn.Module):
    """One gate per level and channel from the levels' most active moments.

    Source: attention-guided hierarchy aggregation, Lee et al., "HD-GCN", ICCV 2023,
    section 3.3. Each level is averaged over the joints that it joins, counted from 0; the levels
    are then the nodes of an edge convolution. The channels C are a multiple of 4.
    """

    members: Tensor

    def __init__(self, channels: int, levels: Sequence[Sequence[int]], num_joints: int) -> None:
        super().__init__()
        width = channels // 4
        # Ones, not reciprocals, which would keep the rounding of float32 in a float64 model.
        members = torch.zeros(len(levels), num_joints)
        for level, joints in enumerate(levels):
            members[level, list(joints)] = 1
        self.register_buffer('members', members, persistent=False)
        conv = nn.Conv2d(channels, width, 1)
        init_fan_out(conv)
        self.conv_down = nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.edge_conv = EdgeConv(width, k=3)
        self.aggregate = nn.Conv1d(width, channels, 1)

    def forward(self, peaks: Tensor) -> Tensor:
        """Map the maxima over time (N, C, L, V) to gates (N, C, L) between 0 and 1."""
        levels = (self.conv_down(peaks) * self.members).sum(dim=-1)
        levels = levels / self.members.sum(dim=-1)  # (N, C/4, L)
        return self.aggregate(self.edge_conv(levels)).sigmoid()
