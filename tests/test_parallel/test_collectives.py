from pathlib import Path

import pytest
import torch
from gloo import run_in_two_processes
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmcl_ext.parallel import collectives

SIZES = ((3, 3), (4, 2), (1, 5))
"""Rows of the two processes; together they hold the whole batch."""


def batch() -> Tensor:
    return torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def layer() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(5, 4, dtype=torch.float64)


def coupled_loss(anchors: Tensor, everything: Tensor) -> Tensor:
    """Sum over the anchors of a term that couples them with all rows, not symmetric."""
    weights = torch.arange(1, len(everything) + 1, dtype=everything.dtype)
    return (torch.tanh(anchors @ everything.T) * weights).sum()


def whole_batch_gradients() -> dict[str, Tensor]:
    model = layer()
    features = model(batch())
    (coupled_loss(features, features) / len(features)).backward()
    return gradients(model)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def gradients_of_rank(rank: int, sizes: tuple[int, ...], share: bool) -> dict[str, Tensor]:
    """Gradients after DDP's averaging.

    The loss of a process is either the global one, or the share of its own anchors,
    scaled so that the mean over the processes is the global loss.
    """
    start = sum(sizes[:rank])
    rows = slice(start, start + sizes[rank])
    model = DistributedDataParallel(layer())
    own = model(batch()[rows])
    everything = collectives.all_gather(own)
    anchors, scale = (own, len(sizes)) if share else (everything, 1)
    (coupled_loss(anchors, everything) * scale / len(everything)).backward()
    return gradients(model.module)


def worker(rank: int) -> dict:
    results: dict = {
        (sizes, share): gradients_of_rank(rank, sizes, share)
        for sizes in SIZES
        for share in (False, True)
    }
    rows = torch.full((rank + 1, 2), float(rank))
    results['gathered'] = collectives.all_gather(rows)
    results['sizes'] = collectives.gather_sizes(len(rows))
    try:
        collectives.all_gather(rows, (5, 5))
        results['error'] = ''
    except ValueError as error:
        results['error'] = str(error)
    return results


@pytest.fixture(scope='module')
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return run_in_two_processes(worker, Path(tmp_path_factory.mktemp('dist')))


@pytest.mark.parametrize('share', [False, True])
@pytest.mark.parametrize('sizes', SIZES)
def test_gradient_is_that_of_the_whole_batch(ranks: list, sizes: tuple, share: bool) -> None:
    expected = whole_batch_gradients()
    for rank in ranks:
        torch.testing.assert_close(rank[sizes, share], expected, rtol=1e-12, atol=1e-12)


def test_rows_come_in_rank_order(ranks: list) -> None:
    for rank in ranks:
        assert rank['gathered'].tolist() == [[0, 0], [1, 1], [1, 1]]
        assert rank['sizes'] == (1, 2)


def test_wrong_sizes_are_refused(ranks: list) -> None:
    for rank, result in enumerate(ranks):
        rows = ('1 row', '2 rows')[rank]
        message = f'sizes (5, 5) do not fit 2 processes with {rows} in rank {rank}'
        assert result['error'] == message


def test_single_process() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    assert collectives.all_gather(x) is x
    assert collectives.gather_sizes(3) == (3,)
    assert (collectives.get_rank(), collectives.get_world_size()) == (0, 1)
