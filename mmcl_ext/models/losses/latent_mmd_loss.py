import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.registry import MODELS


@MODELS.register_module()
class LatentMMDLoss(nn.Module):
    """Weighted distances of mean codes from a prior with one mean per class.

    Source: the marginal and the conditional maximum mean discrepancy of InfoGCN
    (Chi et al., CVPR 2022, Eq. 8), as released: the marginal one is the length of the
    batch's mean code, the conditional one the mean squared difference, over the
    classes present in the batch, between their mean codes and their priors.
    """

    def __init__(self, marginal_weight: float = 1e-4, conditional_weight: float = 0.1) -> None:
        super().__init__()
        self.marginal_weight = marginal_weight
        self.conditional_weight = conditional_weight

    def forward(self, z: Tensor, labels: Tensor, prior: Tensor) -> dict[str, Tensor]:
        """Compute both distances of codes z (N, D), labels (N,) or (N, K), and prior (K, D)."""
        return dict(
            loss_marginal=self.marginal_weight * z.mean(dim=0).norm(),
            loss_conditional=self.conditional_weight * conditional_mmd(z, labels, prior),
        )


def conditional_mmd(z: Tensor, labels: Tensor, prior: Tensor) -> Tensor:
    """Compare the mean code of each class in a batch with the prior, see :class:`LatentMMDLoss`."""
    members = labels if labels.is_floating_point() else F.one_hot(labels, len(prior))
    members = members.to(z.dtype)  # (N, K)
    present = members.sum(dim=0) > 0
    counts = members.sum(dim=0)[present].unsqueeze(-1)
    means = members.T[present] @ z / counts
    return F.mse_loss(means, prior[present])
