from pathlib import Path

import pytest
import torch
from gloo import run_in_two_processes
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmcl_ext.mmcl import ContrastiveLoss

CASES = [(negatives, sizes) for negatives in ('paper', 'grace') for sizes in ((4, 4), (5, 3))]


class TwoViews(nn.Module):
    """A layer for each view and the loss between them."""

    def __init__(self, negatives: str, gather: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.skeleton = nn.Linear(6, 4, dtype=torch.float64)
        self.image = nn.Linear(7, 4, dtype=torch.float64)
        self.loss = ContrastiveLoss(negatives=negatives, gather=gather)

    def forward(self, skeleton: Tensor, image: Tensor) -> Tensor:
        return self.loss(self.skeleton(skeleton), self.image(image))


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    views = [torch.randn(8, width, generator=generator, dtype=torch.float64) for width in (6, 7)]
    return views[0], views[1]


def step(model: nn.Module, rows: slice) -> dict[str, Tensor]:
    skeleton, image = batch()
    loss = model(skeleton[rows], image[rows])
    loss.backward()
    grads = {name.removeprefix('module.'): p.grad for name, p in model.named_parameters()}
    return {'loss': loss.detach(), **grads}


def worker(rank: int) -> dict:
    results = {}
    for negatives, sizes in CASES:
        start = sum(sizes[:rank])
        rows = slice(start, start + sizes[rank])
        for gather in (True, False):
            model = DistributedDataParallel(TwoViews(negatives, gather))
            results[negatives, sizes, gather] = step(model, rows)
            del model
    return results


@pytest.fixture(scope='module')
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return run_in_two_processes(worker, Path(tmp_path_factory.mktemp('gather')))


@pytest.mark.parametrize(('negatives', 'sizes'), CASES)
def test_two_processes_equal_one(ranks: list, negatives: str, sizes: tuple[int, int]) -> None:
    expected = step(TwoViews(negatives, gather=False), slice(None))
    actual = [rank[negatives, sizes, True] for rank in ranks]
    mean_loss = torch.stack([result.pop('loss') for result in actual]).mean()
    torch.testing.assert_close(mean_loss, expected.pop('loss'), rtol=1e-12, atol=1e-12)
    for result in actual:
        torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(('negatives', 'sizes'), CASES)
def test_without_gather_each_process_is_on_its_own(
    ranks: list, negatives: str, sizes: tuple[int, int]
) -> None:
    for rank, result in enumerate(ranks):
        start = sum(sizes[:rank])
        alone = step(TwoViews(negatives, gather=False), slice(start, start + sizes[rank]))
        torch.testing.assert_close(result[negatives, sizes, False]['loss'], alone['loss'])
