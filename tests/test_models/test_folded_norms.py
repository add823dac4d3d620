import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

from mmcl_ext.models.layers.folded_norms import FoldedNorms, fold_norms


def draw_statistics(network: nn.Module) -> nn.Module:
    """Give every batch norm values that matter, and put it into evaluation."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def example() -> Tensor:
    return torch.randn(2, 3, 7, 6, generator=torch.Generator().manual_seed(1))


def run(network: nn.Module) -> Tensor:
    return network(example())


def num_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


class Branches(nn.Module):
    """A shortcut with a norm of its own, one norm after an activation, and one shared layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.down = nn.Sequential(nn.Conv2d(3, 4, 1, groups=1), nn.BatchNorm2d(4))
        self.grouped = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, groups=2), nn.BatchNorm2d(8))
        self.late, self.late_bn = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
        self.shared = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn(self.conv(x)) + self.down(x))
        x = self.late(self.grouped(x)).relu_()
        return self.shared(self.shared(self.late_bn(x)))


def test_norms_directly_behind_a_convolution_are_folded() -> None:
    network = draw_statistics(Branches())
    before = copy.deepcopy(network.state_dict())
    folded = fold_norms(network, run)
    # that behind an activation, though it works in place, and the shared one stay
    assert (num_norms(network), num_norms(folded)) == (5, 2)
    torch.testing.assert_close(run(folded), run(network), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(p.requires_grad for p in (folded.conv.weight, folded.conv.bias))
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in folded.modules()
    )
    assert not any(module._forward_hooks for module in network.modules())


class Twice(nn.Module):
    """The output of the convolution is also used without the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.bn(x)


class Scaled(nn.Conv2d):
    """A convolution that makes its weights of others."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight / self.weight.norm(), self.bias)


@pytest.mark.parametrize(
    'network',
    [
        Twice(),
        nn.Sequential(Scaled(3, 4, 1), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 1)), nn.BatchNorm2d(4)),
        nn.Conv2d(3, 4, 1),
    ],
    ids=['used twice', 'weights made', 'batch statistics', 'parametrised', 'without a norm'],
)
def test_what_cannot_be_folded_stays(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            draw_statistics(module)
    assert fold_norms(network.eval(), run) is network


def test_the_copy_follows_the_weights() -> None:
    network = draw_statistics(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    keeper = FoldedNorms()
    first = keeper.of(network, run)
    assert keeper.of(network, run) is first
    changes = [
        lambda: network.load_state_dict({k: v + 1 for k, v in network.state_dict().items()}),
        lambda: draw_statistics(network),
        lambda: network.double().float(),
    ]
    for change in changes:
        change()
        second = keeper.of(network, run)
        assert second is not first
        torch.testing.assert_close(run(second), run(network), rtol=1e-5, atol=1e-5)
        first = second
    for other in (copy.deepcopy(keeper), pickle.loads(pickle.dumps(keeper))):
        assert other._folded is None
    with torch.inference_mode():
        draw_statistics(network)
        torch.testing.assert_close(run(keeper.of(network, run)), run(network))
