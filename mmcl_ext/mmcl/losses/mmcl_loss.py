from typing import Any

from torch import nn

from mmcl_ext.mmcl.losses.contrastive_loss import ContrastiveLoss
from mmcl_ext.models.recognizers.skeleton_recognizer import build_module
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class MMCLLoss(nn.Module):
    """The weights of the two terms that MMCL adds to the classification loss.

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

    def apply_to(self, fam: Any, frm: Any) -> None:
        """Set weights and loss of the helpers, as far as they are there."""
        if fam is not None:
            fam.weight, fam.contrastive = self.alignment_weight, self.contrastive
        if frm is not None:
            frm.weight = self.refinement_weight
