from pathlib import Path

import pytest
import torch
from gloo import run_in_two_processes
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmcl_ext.mmcl import ContrastiveLoss

KINDS = ('paper', 'grace', 'class')
CASES = [(kind, sizes) for kind in KINDS for sizes in ((4, 4), (5, 3))]
CLASSES = torch.tensor([0, 1, 0, 2, 1, 0, 2, 2])


class TwoViews(nn.Module):
    """A layer for each view and the loss between them."""

    def __init__(self, kind: str, gather: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.skeleton = nn.Linear(6, 4, dtype=torch.float64)
        self.image = nn.Linear(7, 4, dtype=torch.float64)
        options = dict(positives='class') if kind == 'class' else dict(negatives=kind)
        self.loss = ContrastiveLoss(**options, gather=gather)

    def forward(self, skeleton: Tensor, image: Tensor, classes: Tensor) -> Tensor:
        return self.loss(self.skeleton(skeleton), self.image(image), classes)


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    views = [torch.randn(8, width, generator=generator, dtype=torch.float64) for width in (6, 7)]
    return views[0], views[1]


def step(model: nn.Module, rows: slice) -> dict[str, Tensor]:
    skeleton, image = batch()
    loss = model(skeleton[rows], image[rows], CLASSES[rows])
    loss.backward()
    grads = {name.removeprefix('module.'): p.grad for name, p in model.named_parameters()}
    return {'loss': loss.detach(), **grads}


def worker(rank: int) -> dict:
    results = {}
    for kind, sizes in CASES:
        start = sum(sizes[:rank])
        rows = slice(start, start + sizes[rank])
        for gather in (True, False):
            model = DistributedDataParallel(TwoViews(kind, gather))
            results[kind, sizes, gather] = step(model, rows)
            del model
    return results


@pytest.fixture(scope='module')
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return run_in_two_processes(worker, Path(tmp_path_factory.mktemp('gather')))


@pytest.mark.parametrize(('kind', 'sizes'), CASES)
def test_two_processes_equal_one(ranks: list, kind: str, sizes: tuple[int, int]) -> None:
    expected = step(TwoViews(kind, gather=False), slice(None))
    actual = [rank[kind, sizes, True] for rank in ranks]
    mean_loss = torch.stack([result.pop('loss') for result in actual]).mean()
    torch.testing.assert_close(mean_loss, expected.pop('loss'), rtol=1e-12, atol=1e-12)
    for result in actual:
        torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(('kind', 'sizes'), CASES)
def test_without_gather_each_process_is_on_its_own(
    ranks: list, kind: str, sizes: tuple[int, int]
) -> None:
    for rank, result in enumerate(ranks):
        start = sum(sizes[:rank])
        alone = step(TwoViews(kind, gather=False), slice(start, start + sizes[rank]))
        torch.testing.assert_close(result[kind, sizes, False]['loss'], alone['loss'])
