import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.mmcl.helper import Taps, TrainingHelper, gathered
from mmcl_ext.mmcl.helpers.prototypes import ClassPrototypes, cosines, outcomes
from mmcl_ext.registry import MODELS


class PrototypeReconstruction(nn.Module):
    """Rebuilds the topology of a sample from a memory of prototypes, joint pair by joint pair.

    Source: Liu et al., "Revealing Key Details to See Differences", CVPR 2025, arXiv 2411.18941,
    section 3.2, as released: (N, D, V, V) to (N, V * V).
    """

    def __init__(self, channels: int, num_prototypes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.query = nn.Linear(channels, num_prototypes, bias=False)
        self.memory = nn.Linear(num_prototypes, channels, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.post = nn.Conv2d(channels, channels, 1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, topology: Tensor) -> Tensor:
        """Rebuild topologies (N, D, V, V) as their mean over channels, (N, V * V)."""
        pairs = topology.flatten(2).transpose(1, 2)  # (N, V * V, D)
        rebuilt = self.dropout(self.memory(self.query(pairs).softmax(-1)))
        rebuilt = rebuilt.transpose(1, 2).reshape_as(topology)
        return F.relu(self.bn(self.post(rebuilt))).mean(1).flatten(1)


@MODELS.register_module()
class TopologyPrototypes(TrainingHelper):
    """ProtoGCN's prototype reconstruction with class-specific contrast of the topology.

    Source: see :class:`PrototypeReconstruction`. It goes with every backbone whose last block has a
    topology that depends on the sample. ``num_prototypes`` are 100 for the k-bone streams, as
    published.
    """

    needs = ('topology', 'layout')

    def __init__(
        self,
        topology_shape: tuple[int, int],
        num_joints: int,
        num_classes: int,
        num_prototypes: int = 400,
        channels: int = 256,
        temperature: float = 0.125,
        momentum: float = 0.9,
        weight: float = 0.2,
    ) -> None:
        super().__init__(weight)
        self.reconstruct = PrototypeReconstruction(
            topology_shape[0] * topology_shape[1], num_prototypes
        )
        self.project = nn.Linear(num_joints**2, channels)
        self.prototypes = ClassPrototypes(num_classes, channels, momentum)
        self.temperature = temperature

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Classify the rebuilt topology by the prototypes of the classes: ``loss_prototype``."""
        graph = self.reconstruct(taps.topology.mean(1).flatten(1, 2))  # of (N, S * C, V, V)
        return {'loss_prototype': self.contrast(graph, taps.logits, taps.classes)}

    def contrast(self, graph: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
        """Contrast graphs (N, V * V) of all processes with the prototypes."""
        graph, logits, classes = gathered(self.project(graph), logits.detach(), classes)
        prototypes = self.prototypes(graph, outcomes(logits, classes)[0])
        return F.cross_entropy(cosines(graph, prototypes) / self.temperature, classes)
