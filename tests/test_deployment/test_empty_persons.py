"""Empty person slots: left out in evaluation, with equal results, and never a stale one."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mmcl_ext.models import (
    AAGCN,
    CTRGCN,
    CTRSGCN,
    DGSTGCN,
    HDGCN,
    LAGCN,
    STGCN,
    BlockGCN,
    HyperGCN,
    InfoGCN,
    SkeletonRecognizer,
)
from mmcl_ext.models.backbones.empty_person_cache import EmptyPersonCache

NTU = dict(type='mmcl_ext.SkeletonGraph', layout='nturgb+d', mode='spatial')
HIERARCHY = dict(type='mmcl_ext.HDGraph', layout='nturgb+d', flatten=None)
SMALL = dict(base_channels=16, num_stages=3, inflate_stages=(3,), down_stages=(3,))
BACKBONES = {
    'ctrgcn': lambda **kw: CTRGCN(NTU, **SMALL, **kw),
    'ctrsgcn': lambda **kw: CTRSGCN(NTU, **SMALL, **kw),
    'dgstgcn': lambda **kw: DGSTGCN(NTU, **SMALL, **kw),
    'hdgcn': lambda **kw: HDGCN(HIERARCHY, **SMALL, **kw),
    'infogcn': lambda **kw: InfoGCN(NTU, **SMALL, **kw),
    # Heads of two channels would see many joints as equal (ReLU leaves zeros): which of them are
    # near is then open, and differs between runtimes.
    'hypergcn': lambda **kw: HyperGCN(NTU, heads=2, **SMALL, **kw),
    'blockgcn': lambda **kw: BlockGCN(NTU, topology=False, **SMALL, **kw),
    'lagcn': lambda **kw: LAGCN(NTU, **SMALL, **kw),
    'stgcn': lambda **kw: STGCN(NTU, **SMALL, **kw),
    'stgcn_mvc': lambda **kw: STGCN(NTU, data_bn_type='MVC', **SMALL, **kw),
    'stgcnpp': lambda **kw: STGCN(
        NTU, gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn', **SMALL, **kw
    ),
    'aagcn': lambda **kw: AAGCN(NTU, **SMALL, **kw),
}


def trained(network: nn.Module) -> nn.Module:
    """Give normalisations and weights that start at 0 values as after a training."""
    generator = torch.Generator().manual_seed(7)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    for name, parameter in network.named_parameters():
        if name.endswith(('alpha', 'beta', 'fusion')):
            parameter.data.fill_(0.05 if isinstance(network, LAGCN) else 0.5)  # it takes powers
        if name.endswith('virtual_joints'):  # alike at first: which one is near is chance
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    return network.eval()


def clips(*persons: int, frames: int = 12, slots: int = 2) -> Tensor:
    """Make clips with somebody in the first slots: (N, M, T, V, C)."""
    x = torch.randn(len(persons), slots, frames, 25, 3)
    for clip, present in zip(x, persons, strict=True):
        clip[present:] = 0
    return x


def plain(network: nn.Module, x: Tensor) -> Tensor:
    """Compute every slot."""
    network.skip_empty_persons = False
    try:
        return network(x)
    finally:
        del network.skip_empty_persons


def encoded_rows(network: nn.Module, x: Tensor) -> int:
    """Count the persons that go through the blocks."""
    seen: list[int] = []
    first = (network.blocks if hasattr(network, 'blocks') else network.gcn)[0]
    hook = first.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    network(x)
    hook.remove()
    return sum(seen)


def relative(output: Tensor, expected: Tensor) -> float:
    return float((output - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize('name', BACKBONES)
@torch.no_grad()
def test_equal_results_from_fewer_persons(name: str) -> None:
    torch.manual_seed(0)
    network = trained(BACKBONES[name]())
    x = clips(1, 2, 1, 0)
    x[2, 0] = x[1, 1]  # a copy of a body elsewhere
    x[3, 1] = x[0, 0]  # somebody in the second slot only
    assert relative(network(x), plain(network, x)) <= 1e-5
    assert encoded_rows(network, x) == 5  # the constants are there by now
    one = clips(1)
    assert encoded_rows(network, one) == 1
    assert relative(network(one), plain(network, one)) <= 1e-5


@torch.no_grad()
def test_slots_and_lengths_have_their_own_constants() -> None:
    torch.manual_seed(0)
    network = trained(BACKBONES['ctrgcn'](num_person=3))
    empty = clips(0, slots=3)
    output = network(empty)
    assert relative(output, plain(network, empty)) <= 1e-5
    assert not torch.allclose(output[0, 0], output[0, 1])
    assert len(network.empty_persons) == 3
    longer = clips(1, frames=20, slots=3)
    assert relative(network(longer), plain(network, longer)) <= 1e-5
    assert encoded_rows(network, clips(0, frames=20, slots=3)) == 1  # slots 1 and 2 are known


@torch.no_grad()
def test_only_exact_zeros_are_nobody() -> None:
    network = trained(BACKBONES['ctrgcn']())
    network(clips(1))
    copied = clips(1)
    copied[:, 1] = copied[:, 0]
    assert encoded_rows(network, copied) == 2
    speck = clips(1)
    speck[0, 1, 3, 4, 1] = 1e-30
    assert encoded_rows(network, speck) == 2
    broken = clips(1)
    broken[0, 1, 0, 0, 0] = float('nan')
    assert encoded_rows(network, broken) == 2
    assert network(broken)[0, 1].isnan().any()


def optimizer_step(network: nn.Module) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    with torch.enable_grad():
        network(clips(2)).square().mean().backward()
    optimizer.step()


def load(network: nn.Module) -> None:
    network.load_state_dict({k: v * 1.5 for k, v in network.state_dict().items()})


def load_assigned(network: nn.Module) -> None:
    state = {k: v * 1.5 for k, v in network.state_dict().items()}
    network.load_state_dict(state, assign=True)


def edit(network: nn.Module) -> None:
    network.blocks[1].gcn.A.mul_(1.5)


def edit_data(network: nn.Module) -> None:
    network.blocks[1].gcn.A.data.mul_(1.5)


def flip_data(network: nn.Module) -> None:
    network.blocks[1].gcn.value.weight.data.neg_()


def replace_twice(network: nn.Module) -> None:
    weight = network.blocks[1].gcn.value.weight
    weight.data = weight.data * 1.5
    weight.data = weight.data * 1.5


def replace_parameter(network: nn.Module) -> None:
    gcn = network.blocks[1].gcn
    gcn.A = nn.Parameter(gcn.A * 1.5)


def edit_buffer(network: nn.Module) -> None:
    network.blocks[1].gcn.bn.running_mean.add_(0.5)


def convert(network: nn.Module) -> None:
    network.double()
    edit_data(network)
    network.float()


def train_again(network: nn.Module) -> None:
    network.train()
    network(clips(2))  # moves the running statistics
    network.eval()


CHANGES = (
    optimizer_step,
    load,
    load_assigned,
    edit,
    edit_data,
    flip_data,
    replace_twice,
    replace_parameter,
    edit_buffer,
    convert,
    train_again,
)


@pytest.mark.parametrize('change', CHANGES, ids=lambda change: change.__name__)
@torch.no_grad()
def test_a_changed_weight_changes_the_constant(change: Callable[[nn.Module], None]) -> None:
    torch.manual_seed(0)
    network = trained(BACKBONES['ctrgcn']())
    x = clips(1)
    before = network(x)
    change(network)
    after = network(x)
    assert relative(after, plain(network, x)) <= 1e-5
    assert relative(after[:, 1], before[:, 1]) > 1e-3


def one_number(weight: Tensor) -> None:
    weight.view(-1)[12_345] += 1e-6


def swap(weight: Tensor) -> None:
    weight.view(-1)[[3, 70_000]] = weight.view(-1)[[70_000, 3]]


@pytest.mark.parametrize('change', [one_number, swap, Tensor.neg_], ids=lambda c: c.__name__)
@torch.no_grad()
def test_the_smallest_hidden_edit_is_seen(change: Callable[[Tensor], object]) -> None:
    torch.manual_seed(0)
    network, memory = nn.Linear(300, 300), EmptyPersonCache()
    memory.refresh(network)
    memory.put('slot', torch.ones(1))
    memory.refresh(network)
    assert len(memory) == 1
    change(network.weight.data)
    memory.refresh(network)
    assert len(memory) == 0


@torch.no_grad()
def test_without_comparison_the_versions_are_watched() -> None:
    network, memory = nn.Linear(3, 3), EmptyPersonCache(compare=False)
    memory.refresh(network)
    memory.put('slot', torch.ones(1))
    network.weight.data.mul_(2)  # behind PyTorch's back: that is the price
    memory.refresh(network)
    assert len(memory) == 1
    network.weight.mul_(2)
    memory.refresh(network)
    assert len(memory) == 0


@torch.no_grad()
def test_a_constant_does_not_hold_its_whole_batch() -> None:
    network = trained(BACKBONES['ctrgcn']())
    network(clips(1, 1, 2, 2))
    [feature] = network.empty_persons._features.values()
    assert feature.untyped_storage().nbytes() == feature.nbytes


@torch.no_grad()
def test_types_and_autocast_have_their_own_constants() -> None:
    network = trained(BACKBONES['ctrgcn']())
    x = clips(1)
    with torch.autocast('cpu', torch.bfloat16):
        low = network(x)
    assert network(x).dtype == torch.float32
    assert relative(network(x), plain(network, x)) <= 1e-5
    assert relative(low.float(), plain(network, x)) <= 0.1
    network.to(torch.float64)
    assert network(x.double()).dtype == torch.float64
    assert relative(network(x.double()), plain(network, x.double())) <= 1e-12


def test_training_and_gradients_compute_every_slot() -> None:
    network = trained(BACKBONES['ctrgcn']())
    with torch.no_grad():
        network(clips(1))  # the constants are there by now
    assert encoded_rows(network, clips(1)) == 2  # evaluation with gradients
    network(clips(0)).sum().backward()
    assert network.blocks[0].gcn.value.bias.grad.abs().sum() > 0
    network.train()
    with torch.no_grad():
        assert [encoded_rows(network, clips(1)) for _ in range(2)] == [2, 2]


@torch.no_grad()
def test_copies_and_pickles_start_empty() -> None:
    network = trained(BACKBONES['ctrgcn']())
    x = clips(1)
    output = network(x)
    names = list(network.state_dict())
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert len(twin.empty_persons) == 0
        assert relative(twin(x), output) <= 1e-5
        assert list(twin.state_dict()) == names
        edit(twin)
        assert relative(twin(x), plain(twin, x)) <= 1e-5
    assert relative(network(x), output) <= 1e-5


@torch.no_grad()
def test_memory_is_bounded_over_lengths() -> None:
    network = trained(BACKBONES['ctrsgcn']())
    for frames in range(2, 80):
        network(clips(1, frames=frames))
    assert len(network.empty_persons) <= 64


@torch.inference_mode()
def test_recognizer_in_inference_mode() -> None:
    backbone = trained(BACKBONES['ctrgcn']())
    model = SkeletonRecognizer(backbone, dict(type='mmcl_ext.GCNHead', num_classes=5)).eval()
    x = clips(1, 2).unsqueeze(1)
    first, second = (model(dict(keypoint=x)) for _ in range(2))
    backbone.skip_empty_persons = False
    assert relative(first, model(dict(keypoint=x))) <= 1e-5
    assert relative(second, model(dict(keypoint=x))) <= 1e-5
