import torch
from torch import Tensor, nn


class SkeletonTopology(nn.Module):
    """A vector per clip that tells at which distances its joints fall into clusters.

    Source: Zhou et al., "BlockGCN", CVPR 2024, section 3.2. With D the distances of the joints in
    the mean pose of all frames and persons, over the largest one, the clusters of D's rows, taken
    as points, merge at the lengths e of their minimum spanning tree: the persistent homology of
    dimension 0. Each of L elements with a centre c and a sharpness s gives::

        sum over i of exp(-(s_0 c_0)^2 - (s_1 (e_i - c_1))^2)

    Joints at one place merge at 0; a clip with all of them there, as an empty one, has D = 0.
    """

    def __init__(self, elements: int = 64) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.rand(elements, 2))
        self.sharpness = nn.Parameter(torch.full((elements, 2), 3.0))

    def forward(self, x: Tensor) -> Tensor:
        """Map skeletons (N, M, T, V, C) to vectors (N, L)."""
        e = tree_lengths(joint_distances(x)).to(self.centres.dtype)  # (N, V - 1)
        gap = torch.stack((torch.zeros_like(e), e), dim=-1).unsqueeze(2) - self.centres
        return torch.exp(-(self.sharpness * gap).square().sum(-1)).sum(1)


def joint_distances(x: Tensor) -> Tensor:
    """Return the distances (N, V, V) in the mean pose of (N, M, T, V, C), the largest being 1."""
    pose = x.mean(dim=(1, 2))
    distance = torch.linalg.vector_norm(pose.unsqueeze(1) - pose.unsqueeze(2), dim=-1)
    largest = distance.amax(dim=(1, 2), keepdim=True)
    return distance / torch.where(largest > 0, largest, 1)


def tree_lengths(points: Tensor) -> Tensor:
    """Return the lengths (N, V - 1) of the edges of minimum spanning trees of points (N, V, C).

    Prim's algorithm: the tree takes in the point nearest to it, again and again.
    """
    distance = torch.linalg.vector_norm(points.unsqueeze(1) - points.unsqueeze(2), dim=-1)
    nearest = distance[:, 0]  # of the tree, (N, V)
    joined = torch.zeros_like(nearest, dtype=torch.bool).index_fill(
        1, torch.zeros(1, dtype=torch.long, device=nearest.device), True
    )
    lengths = []
    for _ in range(points.shape[1] - 1):
        length, index = nearest.masked_fill(joined, torch.inf).min(dim=1, keepdim=True)
        lengths.append(length)
        joined = joined.scatter(1, index, True)
        row = distance.gather(1, index.unsqueeze(-1).expand(-1, -1, nearest.shape[1])).squeeze(1)
        nearest = torch.minimum(nearest, row)
    return torch.cat(lengths, dim=1)
