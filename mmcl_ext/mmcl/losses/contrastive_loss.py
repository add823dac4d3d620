from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.heads.pooled_head import at_least_float32
from mmcl_ext.parallel import collectives
from mmcl_ext.registry import MODELS

Negatives = Literal['paper', 'grace']
Positives = Literal['own', 'class']


def contrastive_terms(
    skeleton: Tensor,
    image: Tensor,
    all_skeleton: Tensor,
    all_image: Tensor,
    start: int = 0,
    *,
    negatives: Negatives = 'grace',
    temperature: float = 0.4,
    classes: Tensor | None = None,
) -> Tensor:
    r"""Symmetric contrastive loss (N,) of every anchor pair; zero where Q is 1: no negative.

    With :math:`E(a, b) = \exp(\cos(a, b) / \tau)` and the positive pair
    :math:`(g_i, c_i)`, anchor i contributes

    .. math::
        -\log \frac{E(g_i, c_i)}
        {\sum_k E(g_i, c_k) + \sum_{k \ne i} E(g_k, c_i)}

    for ``'paper'`` (Eq. 4-6, taken as a quantity to minimise), and half the sum of

    .. math::
        -\log \frac{E(g_i, c_i)}
        {\sum_k E(g_i, c_k) + \sum_{k \ne i} E(g_i, g_k)}

    and the same with the two views exchanged for ``'grace'``. The features of the anchors are
    (N, C), of all candidates (Q, C), whose rows ``start`` to ``start + N`` are the anchors; the
    cosine similarities are divided by the ``temperature``.

    With the ``classes`` (Q,) of the candidates, the positives of an anchor are the features of its
    class in the other view, whose terms are averaged (supervised contrast, Eq. 2 of Khosla et al.,
    NeurIPS 2020), and those in its own view are no negatives.
    """
    skeleton, image, all_skeleton, all_image = (
        unit_vectors(x) for x in (skeleton, image, all_skeleton, all_image)
    )
    # No boolean indexing: its result's size would have to be read back from a GPU.
    candidates = torch.arange(len(all_skeleton), device=skeleton.device)  # (Q,)
    anchors = candidates[start : start + len(skeleton), None]  # (N, 1)
    own = anchors == candidates  # (N, Q)
    if classes is not None:
        own = classes[anchors] == classes
    rows = skeleton @ all_image.T / temperature  # (N, Q)
    columns = image @ all_skeleton.T / temperature  # (N, Q)
    if classes is None:
        positive = rows.gather(1, anchors)[:, 0]  # (N,)
    else:
        positive = ((rows + columns) * own).sum(1) / (2 * own.sum(1))
    if negatives == 'paper':
        return _log_sum_exp(rows, columns, own) - positive
    within_skeleton = skeleton @ all_skeleton.T / temperature  # (N, Q)
    within_image = image @ all_image.T / temperature  # (N, Q)
    total = _log_sum_exp(rows, within_skeleton, own) + _log_sum_exp(columns, within_image, own)
    return total / 2 - positive


def unit_vectors(x: Tensor) -> Tensor:
    """Divide vectors (N, C) by their lengths; where these vanish, the gradient stays bounded.

    The least divisor is the square root of the type's resolution, 3e-4 in float32, and 1e-4 in
    float64: 1e-12, which is usual, lets the gradient grow to 1e12, and is zero in float16.
    """
    return F.normalize(x, dim=1, eps=max(torch.finfo(x.dtype).eps ** 0.5, 1e-4))


def _log_sum_exp(with_positive: Tensor, without_own: Tensor, own: Tensor) -> Tensor:
    """Log-sum-exp over two (N, Q) blocks, leaving the own pair out of the second."""
    blocks = (with_positive, without_own.masked_fill(own, float('-inf')))
    return torch.logsumexp(torch.cat(blocks, dim=1), dim=1)


@MODELS.register_module()
class ContrastiveLoss(nn.Module):
    """Symmetric contrastive loss between skeleton and image features, :func:`contrastive_terms`.

    The computation runs in float32 (float64 inputs stay as they are), also under autocast. A batch
    of one sample has no negatives: its loss and gradient are zero, not an error, so that a last
    incomplete batch does not stop a training.

    Args:
        negatives: ``'paper'`` for the cross-modal pairs of row and column of
            Eq. 6, ``'grace'`` for the negatives within and across the views that
            the reference implementation uses; the latter equals NT-Xent.
        positives: ``'own'`` for the image of the same sample, ``'class'`` for those of all samples
            of its class.
        temperature: Divisor of the cosine similarities, above 0.
        gather: Whether the samples of all processes are negatives. The mean of the losses over the
            processes, and the gradient after DDP's averaging, then equal those of one process on
            the whole batch, even where processes hold different numbers of samples.
    """

    def __init__(
        self,
        negatives: Negatives = 'grace',
        temperature: float = 0.4,
        gather: bool = False,
        positives: Positives = 'own',
    ) -> None:
        super().__init__()
        if negatives not in get_args(Negatives):
            raise ValueError(f'negatives is {negatives!r}, known are {get_args(Negatives)}')
        if positives not in get_args(Positives):
            raise ValueError(f'positives is {positives!r}, known are {get_args(Positives)}')
        if not temperature > 0:
            raise ValueError(f'temperature is {temperature}, it has to be above 0')
        self.negatives = negatives
        self.temperature = temperature
        self.gather = gather
        self.needs_classes = positives == 'class'

    def forward(self, skeleton: Tensor, image: Tensor, classes: Tensor | None = None) -> Tensor:
        """Compute the mean loss of N pairs of features, both (N, C), not weighted.

        ``classes`` (N,) are needed with ``positives='class'``.
        """
        if skeleton.shape != image.shape or skeleton.ndim != 2:
            raise ValueError(
                f'skeleton {tuple(skeleton.shape)} and image {tuple(image.shape)} features '
                'should share one shape (N, C)'
            )
        if self.needs_classes and classes is None:
            raise ValueError("positives='class' needs the classes of the samples")
        with torch.autocast(skeleton.device.type, enabled=False):
            return self._loss(
                at_least_float32(skeleton),
                at_least_float32(image),
                classes if self.needs_classes else None,
            )

    def _loss(self, skeleton: Tensor, image: Tensor, classes: Tensor | None) -> Tensor:
        sizes = (
            collectives.gather_sizes(len(skeleton), skeleton.device)
            if self.gather
            else (len(image),)
        )
        gathered = (skeleton, image)
        if len(sizes) > 1:
            gathered = (
                collectives.all_gather(skeleton, sizes),
                collectives.all_gather(image, sizes),
            )
            if classes is not None:
                classes = collectives.all_gather(classes, sizes)
        start = sum(sizes[: collectives.get_rank()]) if len(sizes) > 1 else 0
        terms = contrastive_terms(
            skeleton,
            image,
            *gathered,
            start,
            negatives=self.negatives,
            temperature=self.temperature,
            classes=classes,
        )
        # The share of this process, so that the mean over processes is the global mean.
        return terms.sum() * (len(sizes) / max(sum(sizes), 1))

    def extra_repr(self) -> str:
        """Name the choices in ``repr``."""
        positives = 'class' if self.needs_classes else 'own'
        return (
            f'negatives={self.negatives!r}, temperature={self.temperature}, '
            f'gather={self.gather}, positives={positives!r}'
        )
