import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv


class DynamicTemporalConv(MultiScaleTemporalConv):
    """Multi-scale temporal convolution of joints and of the whole skeleton, fused per joint.

    Source: DG-TCN, Duan et al., "DG-STGCN", arXiv 2210.05895, section 3.3, as released in PYSKL.
    The mean over the joints joins them as one more, g. With y the concatenated branches, the
    first of which takes the channels that six cannot share, joint v gets::

        BN(W ReLU(BN(y[v] + fusion[v] * y[g])) + w)

    ``fusion`` (V,) starts at 0.
    """

    def __init__(self, channels: int, num_joints: int, stride: int = 1) -> None:
        dilations = (1, 2, 3, 4)
        super().__init__(
            channels, channels, kernel_size=3, stride=stride, dilations=dilations, init='default'
        )
        self.fusion = nn.Parameter(torch.zeros(num_joints))
        self.project = nn.Conv2d(channels, channels, 1)
        self.project_bn = nn.BatchNorm2d(channels)

    @staticmethod
    def share(channels: int, branches: int) -> list[int]:
        """Give every branch the same, and the rest to the first."""
        each, rest = divmod(channels, branches)
        return [each + rest, *[each] * (branches - 1)]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C, V, T')."""
        y = self.concatenate(torch.cat((x, x.mean(2, keepdim=True)), dim=2))
        joints, skeleton = y[:, :, :-1], y[:, :, -1:]
        y = F.relu(self.bn(joints + self.fusion.unsqueeze(-1) * skeleton), inplace=True)
        return self.project_bn(self.project(y))
