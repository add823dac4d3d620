import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.mmcl.losses.contrastive_loss import ContrastiveLoss
from mmcl_ext.models.recognizers.skeleton_recognizer import build_module
from mmcl_ext.registry import MODELS


def retrieval_accuracy(skeleton: Tensor, image: Tensor) -> Tensor:
    """Share of the N skeletons (N, C) whose nearest image (N, C) is their own; chance is 1 / N."""
    if not len(skeleton):  # none of the batch has an image
        return skeleton.new_zeros(())
    similarity = F.normalize(skeleton.detach().float()) @ F.normalize(image.detach().float()).T
    nearest = similarity.argmax(dim=1)  # (N,)
    return (nearest == torch.arange(len(nearest), device=nearest.device)).float().mean()


@MODELS.register_module()
class MMCLLoss(nn.Module):
    """The two training terms that co-learning adds to the classification loss.

    ``L = L_cls + lambda_1 L_C + lambda_2 L_R`` (Eq. 10 of arXiv 2407.15706);
    ``L_cls`` is the head's. A weight of 0 keeps the term and its monitors in the
    log without a contribution to the gradient.

    Args:
        alignment_weight: lambda_1, of the contrastive loss ``L_C`` (Eq. 4).
        refinement_weight: lambda_2, of the cross entropy ``L_R`` of the refined logits (Eq. 9).
        contrastive: The loss ``L_C`` or its configuration; by default :class:`ContrastiveLoss`.
    """

    def __init__(
        self,
        alignment_weight: float = 0.1,
        refinement_weight: float = 0.2,
        contrastive: nn.Module | dict | None = None,
    ) -> None:
        super().__init__()
        if alignment_weight < 0 or refinement_weight < 0:
            raise ValueError(
                f'alignment_weight {alignment_weight} and refinement_weight {refinement_weight} '
                'should not be negative'
            )
        self.alignment_weight = alignment_weight
        self.refinement_weight = refinement_weight
        self.contrastive = build_module(ContrastiveLoss() if contrastive is None else contrastive)

    def alignment(self, skeleton: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Pull two features (N, C') together: ``loss_align``, weighted, and ``retrieval_acc``."""
        return {
            'loss_align': self.alignment_weight * self.contrastive(skeleton, image),
            'retrieval_acc': retrieval_accuracy(skeleton, image),
        }

    def refinement(self, refined: Tensor, weights: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Classify by refined logits (N, K), with entry weights (N, n), labels (N,) or (N, K)."""
        loss = F.cross_entropy(refined, labels)
        monitors = {f'frm_weight_{i}': w for i, w in enumerate(weights.detach().mean(dim=0))}
        return {'loss_refine': self.refinement_weight * loss, **monitors}
