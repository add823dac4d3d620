"""Contrast with a bank of the features of all training samples."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.helper import Taps, TrainingHelper, TrainingSet, gathered, next_draw
from mmcl_ext.mmcl.losses.contrastive_loss import unit_vectors
from mmcl_ext.models.backbones.per_person import BlockShape
from mmcl_ext.registry import MODELS


def pick(similarity: Tensor, by: Tensor, members: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Similarities (N, k) of the members (N, Q) that are largest ``by`` a value, and their mask."""
    number = min(number, members.shape[1])
    index = by.detach().masked_fill(~members, float('-inf')).topk(number, dim=1).indices
    return similarity.gather(1, index), members.gather(1, index)


def pair_loss(
    positive: tuple[Tensor, Tensor], negative: tuple[Tensor, Tensor], temperature: float
) -> Tensor:
    """Mean cross entropy (N,) of each positive similarity (N, P) against all negatives (N, Q).

    Each comes with a mask of those that count.
    """
    (near, is_near), (far, is_far) = positive, negative
    rest = (far / temperature).masked_fill(~is_far, float('-inf')).logsumexp(1, keepdim=True)
    near = near / temperature
    terms = (torch.logaddexp(near, rest) - near) * is_near
    return terms.sum(1) / is_near.sum(1).clamp(min=1)


class FeatureBank(nn.Module):
    """A row for each training sample, overwritten at each visit, and the contrast with all rows.

    Source: Huang et al., "Graph Contrastive Learning for Skeleton-Based Action Recognition"
    (SkeletonGCL), ICLR 2023, arXiv 2301.10900, as released. Positives of an anchor are the least
    similar rows of its class, its own among them; negatives are once the most similar rows of other
    classes, once random ones, drawn for all anchors of a step at once. The bank is a buffer, alike
    in all processes. Where classes are small, a ``partial`` anchor takes as many rows as there are
    (from two of its class and one of another on); otherwise it is left out, as released.
    """

    rows: Tensor
    labels: Tensor
    visited: Tensor
    draws: Tensor

    def __init__(
        self,
        channels: int,
        positives: int = 128,
        negatives: int = 512,
        temperature: float = 0.8,
        partial: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.channels, self.temperature, self.seed = channels, temperature, seed
        self.positives, self.negatives, self.partial = positives, negatives, partial
        self.register_buffer('draws', torch.zeros((), dtype=torch.long))
        self.resize([])

    def resize(self, labels: Sequence[int]) -> None:
        """Make an empty bank for samples with these labels."""
        device = self.draws.device
        self.register_buffer('rows', torch.zeros(len(labels), self.channels, device=device))
        self.register_buffer('labels', torch.tensor(labels, dtype=torch.long, device=device))
        visited = torch.zeros(len(labels), dtype=torch.bool, device=device)
        self.register_buffer('visited', visited)

    def forward(
        self, features: Tensor, classes: Tensor, positions: Tensor, random: Tensor | None = None
    ) -> Tensor:
        """Write features (N, D) of length 1 at their positions, and contrast them with the bank.

        ``random`` (N, Q) marks the rows that random negatives may be; by default it is drawn.
        """
        features, classes, positions = gathered(features, classes, positions)
        with torch.no_grad():
            self.rows[positions] = features.to(self.rows.dtype)
            self.visited[positions] = True
        similarity = features @ self.rows.to(features.dtype).T.clone()
        same = self.labels == classes[:, None]  # (N, Q)
        near, far = same & self.visited, ~same & self.visited
        positive = pick(similarity, -similarity, near, self.positives)
        if random is None:
            random = torch.rand(len(self.rows), generator=next_draw(self.seed, self.draws))
        kinds = (similarity, random.to(similarity).expand_as(similarity))
        terms = torch.stack(
            [
                pair_loss(positive, pick(similarity, kind, far, self.negatives), self.temperature)
                for kind in kinds
            ]
        ).mean(0)
        wanted = (2, 1) if self.partial else (self.positives, self.negatives)
        used = (near.sum(1) >= wanted[0]) & (far.sum(1) >= wanted[1])
        # A step without anchors still reaches every weight: DDP asks for that.
        return torch.where(used, terms, 0 * features.sum(1)).sum() / used.sum().clamp(min=1)


class BankHelper(TrainingHelper):
    """A helper with banks; ``bank`` holds the arguments of :class:`FeatureBank`."""

    def prepare(self, training_set: TrainingSet) -> None:
        """Give the banks a row for each sample."""
        for module in self.modules():
            if isinstance(module, FeatureBank) and len(module.rows) != len(training_set.labels):
                module.resize(training_set.labels)


@MODELS.register_module()
class GraphContrast(BankHelper):
    """SkeletonGCL: contrast of the topologies of samples, see :class:`FeatureBank`.

    The released projection keeps its random weights, since no optimizer sees it; here it learns.
    """

    needs: ClassVar = ('topology', 'layout')

    def __init__(
        self,
        topology_shape: tuple[int, int],
        num_joints: int,
        channels: int = 256,
        bank: dict | None = None,
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        self.project = nn.Linear(topology_shape[0] * num_joints**2, channels)
        self.bank = FeatureBank(channels, **(bank or {}))

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Contrast the mean topologies over persons and channels: ``loss_graph``."""
        graph = taps.topology.mean(dim=(1, 3)).flatten(1)  # (N, S * V * V)
        features = unit_vectors(self.project(graph))
        return {'loss_graph': self.bank(features, taps.classes, taps.positions)}


@MODELS.register_module()
class FeatureContrast(BankHelper):
    """CSRE: contrast of joints without frames and of frames without joints, for any backbone.

    Source: Zhang et al., "CSRE", Pattern Recognition 2025, as released; see :class:`FeatureBank`.
    ``num_frames`` are those of a clip that enters the network.
    """

    needs: ClassVar = ('joints', 'layout', 'blocks')

    def __init__(
        self,
        block_shapes: Sequence[BlockShape],
        num_joints: int,
        num_frames: int = 64,
        channels: int = 256,
        bank: dict | None = None,
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        for shape in block_shapes:
            num_frames = -(-num_frames // shape.stride)
        width = block_shapes[-1].out_channels
        lengths = (num_joints, num_frames)
        self.lengths = lengths
        self.squeeze = nn.ModuleList(nn.Conv1d(width, max(width // 8, 1), 1) for _ in lengths)
        self.project = nn.ModuleList(
            nn.Linear(max(width // 8, 1) * length, channels) for length in lengths
        )
        self.banks = nn.ModuleList(FeatureBank(channels, **(bank or {})) for _ in lengths)

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Contrast both: ``loss_feature``, their mean."""
        x = taps.joints
        if x.shape[3] != self.lengths[1]:
            raise ValueError(
                f'FeatureContrast expects {counted(self.lengths[1], "frame")} of the last '
                f'block and received {x.shape[3]}: set its num_frames to the window of the '
                'pipeline'
            )
        terms = []
        for i, view in enumerate((x.mean(3), x.mean(4))):  # (N, M, C, V), (N, M, C, T)
            squeezed = self.squeeze[i](view.flatten(0, 1)).flatten(1)
            features = self.project[i](squeezed).unflatten(0, view.shape[:2]).mean(1)
            terms.append(self.banks[i](unit_vectors(features), taps.classes, taps.positions))
        return {'loss_feature': torch.stack(terms).mean()}
