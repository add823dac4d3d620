import torch.nn.functional as F
from torch import Tensor


def divergence(vectors: Tensor) -> Tensor:
    """Average the positive cosines between different ones of at least two vectors (K, C).

    Source: the divergence loss of Hyper-GCN (arXiv 2411.14796): 1 where all are alike, 0 where
    all angles are right or wider.
    """
    directions = F.normalize(vectors, dim=-1)
    count = len(vectors)
    return (F.relu(directions @ directions.t()).sum() - count) / (count * (count - 1))
