import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmcl_ext.mmcl import ContrastiveLoss
from mmcl_ext.mmcl.losses.contrastive_loss import contrastive_terms, unit_vectors

SKELETON = torch.tensor([[1.0, 0], [0, 1], [1, 1]])
IMAGE = torch.tensor([[1.0, 0], [1, 1], [0, 1]])
BOTH = pytest.mark.parametrize('negatives', ['paper', 'grace'])


def pairs(num: int = 6, width: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return torch.randn(num, width).double(), torch.randn(num, width).double()


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss, by cross entropy over the 2N x 2N similarities."""
    z = F.normalize(torch.cat([a, b]))
    similarity = (z @ z.T / temperature).fill_diagonal_(float('-inf'))
    return F.cross_entropy(similarity, torch.arange(len(z)).roll(len(a)))


def paper_by_loops(a: Tensor, b: Tensor, temperature: float) -> float:
    """Eq. 4-6 term by term, with a minus sign."""

    def e(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(F.cosine_similarity(x, y, dim=0) / temperature)

    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(len(x)):
            negatives = sum(e(x[i], y[k]) + e(x[k], y[i]) for k in range(len(x)) if k != i)
            positive = e(x[i], y[i])
            total -= torch.log(positive / (positive + negatives)).item()
    return total / (2 * len(a))


@pytest.mark.parametrize(
    ('negatives', 'expected'),
    [('grace', [0.754166, 1.645679, 1.645679]), ('paper', [0.754166, 1.845324, 1.845324])],
)
def test_terms_of_hand_made_pairs(negatives: str, expected: list[float]) -> None:
    terms = contrastive_terms(SKELETON, IMAGE, SKELETON, IMAGE, negatives=negatives)
    torch.testing.assert_close(terms, torch.tensor(expected), rtol=0, atol=2e-6)


@pytest.mark.parametrize(('negatives', 'expected'), [('grace', 1.348508), ('paper', 1.481605)])
def test_mean_of_hand_made_pairs(negatives: str, expected: float) -> None:
    loss = ContrastiveLoss(negatives=negatives, temperature=0.4)
    assert loss(SKELETON, IMAGE).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('temperature', [0.07, 0.4, 1.0])
def test_grace_is_nt_xent(temperature: float) -> None:
    loss = ContrastiveLoss(negatives='grace', temperature=temperature)
    torch.testing.assert_close(loss(*pairs()), nt_xent(*pairs(), temperature))


def test_paper_is_equation_4() -> None:
    loss = ContrastiveLoss(negatives='paper', temperature=0.3)
    assert loss(*pairs()).item() == pytest.approx(paper_by_loops(*pairs(), 0.3))


@BOTH
def test_symmetric_in_the_views(negatives: str) -> None:
    loss = ContrastiveLoss(negatives=negatives)
    skeleton, image = pairs()
    torch.testing.assert_close(loss(skeleton, image), loss(image, skeleton))


@BOTH
def test_order_and_scale_do_not_matter(negatives: str) -> None:
    loss = ContrastiveLoss(negatives=negatives)
    skeleton, image = pairs()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    scale = torch.linspace(0.1, 30, 6).double()[:, None]
    torch.testing.assert_close(
        loss(scale * skeleton[order], image[order] / scale), loss(skeleton, image)
    )


@BOTH
def test_aligned_pairs_cost_less(negatives: str) -> None:
    loss = ContrastiveLoss(negatives=negatives)
    skeleton, image = pairs()
    assert loss(skeleton, skeleton) < loss(skeleton, image)


@BOTH
def test_gradient_by_finite_differences(negatives: str) -> None:
    skeleton, image = pairs(num=3)
    loss = ContrastiveLoss(negatives=negatives)
    assert torch.autograd.gradcheck(loss, (skeleton.requires_grad_(), image.requires_grad_()))


@BOTH
def test_single_pair_has_no_negatives(negatives: str) -> None:
    skeleton, image = (x.requires_grad_() for x in pairs(num=1))
    loss = ContrastiveLoss(negatives=negatives)(skeleton, image)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert skeleton.grad.abs().max() < 1e-12


@BOTH
def test_low_temperature_stays_finite(negatives: str) -> None:
    """The exponentials would overflow: exp(1 / 0.001)."""
    skeleton, image = (x.float().requires_grad_() for x in pairs())
    loss = ContrastiveLoss(negatives=negatives, temperature=1e-3)(skeleton, image)
    loss.backward()
    assert loss.isfinite()
    assert skeleton.grad.isfinite().all()


@BOTH
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_computes_in_float32(negatives: str, dtype: torch.dtype) -> None:
    loss = ContrastiveLoss(negatives=negatives)
    skeleton, image = (x.to(dtype) for x in pairs())
    expected = loss(skeleton.float(), image.float())
    with torch.autocast('cpu', dtype=dtype):
        actual = loss(skeleton, image)
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, expected)


TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@BOTH
@pytest.mark.parametrize('dtype', TYPES)
@pytest.mark.parametrize('length', [0.0, 1e-30, 1e-7])
def test_vanishing_features_have_bounded_gradients(
    negatives: str, dtype: torch.dtype, length: float
) -> None:
    for function in (ContrastiveLoss(negatives=negatives), terms_alone(negatives)):
        skeleton, image = ((x * length).to(dtype) for x in pairs())
        skeleton[1] = 1
        skeleton, image = skeleton.requires_grad_(), image.requires_grad_()
        loss = function(skeleton, image)
        loss.backward()
        assert loss.isfinite()
        assert all(x.grad.isfinite().all() and x.grad.abs().max() < 1e5 for x in (skeleton, image))


def terms_alone(negatives: str):
    return lambda a, b: contrastive_terms(a, b, a, b, negatives=negatives).sum()


@pytest.mark.parametrize('dtype', TYPES)
def test_ordinary_features_are_divided_by_their_lengths_bit_for_bit(dtype: torch.dtype) -> None:
    x = pairs(64, 256)[0].to(dtype)
    assert torch.equal(unit_vectors(x), F.normalize(x, dim=1))


def supervised_by_loops(a: Tensor, b: Tensor, classes: Tensor, temperature: float) -> float:
    """Every positive's term, written out; samples of the class are no negatives in one view."""

    def e(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(F.cosine_similarity(x, y, dim=0) / temperature)

    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i, own in enumerate(classes):
            same = [k for k in range(len(x)) if classes[k] == own]
            across = sum(e(x[i], row) for row in y)
            within = sum(e(x[i], x[k]) for k in range(len(x)) if k not in same)
            terms = [torch.log(e(x[i], y[k]) / (across + within)).item() for k in same]
            total -= sum(terms) / len(terms)
    return total / (2 * len(a))


def test_positives_of_the_class() -> None:
    loss = ContrastiveLoss(positives='class', temperature=0.3)
    skeleton, image = pairs()
    classes = torch.tensor([0, 1, 0, 2, 1, 0])
    expected = supervised_by_loops(skeleton, image, classes, 0.3)
    assert loss(skeleton, image, classes).item() == pytest.approx(expected)
    alone = loss(skeleton, image, torch.arange(6))
    torch.testing.assert_close(alone, ContrastiveLoss(temperature=0.3)(skeleton, image))
    with pytest.raises(ValueError, match='needs the classes'):
        loss(skeleton, image)
    with pytest.raises(ValueError, match="positives is 'all'"):
        ContrastiveLoss(positives='all')  # type: ignore[arg-type]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="negatives is 'simclr'"):
        ContrastiveLoss(negatives='simclr')  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='temperature is 0'):
        ContrastiveLoss(temperature=0)
    with pytest.raises(ValueError, match=r'\(3, 2\) and image \(2, 2\)'):
        ContrastiveLoss()(SKELETON, IMAGE[:2])
