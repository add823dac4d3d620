"""The networks against recorded outputs of their authors' implementations."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from mmcl_ext.models.layers import skeleton_topology
from test_models.families import FAMILIES, build, converters, official
from test_models.helpers import ours, relative_error

SLOW = ('dgstgcn96', 'hypergcn', 'blockgcn_topo', 'blockgcn_notopo')


def test_every_recorded_network_is_compared(shared: Path) -> None:
    recorded = {path.stem for path in (shared / 'parity').glob('*_ntu60*.safetensors')}
    assert recorded == {family.fixture for family in FAMILIES.values()}


@pytest.mark.parametrize('num_classes', [60, 120])
@pytest.mark.parametrize('name', FAMILIES)
def test_parameters(name: str, num_classes: int) -> None:
    count = sum(p.numel() for p in build(name, num_classes).parameters())
    assert count == FAMILIES[name].parameters[num_classes]


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
@pytest.mark.parametrize('name', FAMILIES)
def test_output(shared: Path, name: str, dtype: torch.dtype) -> None:
    family = FAMILIES[name]
    state, data = official(shared, name)
    model = build(name).to(dtype).eval()
    model.load_state_dict(converters(name)[0](state))
    with torch.no_grad():
        output = model(ours(data['input'].to(dtype)))
    if dtype is torch.float64:
        assert relative_error(output, data[f'output{family.run}_float64']) <= family.float64
    else:
        assert relative_error(output, data[f'output{family.run}']) <= family.float32


@pytest.mark.parametrize(
    'name',
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name in FAMILIES
        if name != 'infogcn'
    ],
)
def test_training(shared: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five SGD steps in float64; InfoGCN draws noise in training, so none were recorded."""
    if name == 'blockgcn_topo':  # normalisations enlarge what the authors round away here
        exact = skeleton_topology.tree_lengths
        rounded = lambda points: exact(points).float().double()  # noqa: E731
        monkeypatch.setattr(skeleton_topology, 'tree_lengths', rounded)
    state, data = official(shared, name)
    model = build(name).double().train()
    model.load_state_dict(converters(name)[0](state))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=4e-4
    )
    inputs = ours(data['train_input'].double())
    for expected in data[f'train_losses{FAMILIES[name].run}_float64'].tolist():
        loss = F.cross_entropy(model(inputs), data['train_labels'])
        assert loss.item() == pytest.approx(expected, rel=FAMILIES[name].training)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize('name', FAMILIES)
def test_official_state_survives_the_round_trip(shared: Path, name: str) -> None:
    state, _ = official(shared, name)
    from_official, to_official = converters(name)
    back = to_official(from_official(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], value) for key, value in state.items())


@pytest.mark.parametrize('name', FAMILIES)
def test_our_state_survives_the_round_trip(name: str) -> None:
    state = build(name, 10, **FAMILIES[name].small).state_dict()
    from_official, to_official = converters(name)
    back = from_official(to_official(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], value) for key, value in state.items())


@pytest.mark.parametrize('name', FAMILIES)
def test_strange_entries_are_named(name: str) -> None:
    from_official, to_official = converters(name)
    state = to_official(build(name, 10, **FAMILIES[name].small).state_dict())
    with pytest.raises(ValueError, match=r"1 entry does not fit.*'mlp\.0\.weight'"):
        from_official({**state, 'mlp.0.weight': torch.zeros(1)})
    merged = next(
        key for part in ('.branches.2.0.weight', '.conv_d.2.weight') for key in state if part in key
    )
    del state[merged]
    with pytest.raises(ValueError, match=f'lacks {merged!r}'):
        from_official(state)
