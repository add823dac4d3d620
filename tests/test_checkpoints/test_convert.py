import pickle
import re
import runpy
import sys

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import DefaultScope
from safetensors.torch import load_file
from torch import nn

from mmcl_ext import apis
from mmcl_ext.checkpoints import convert as official
from mmcl_ext.checkpoints.data_description import DataDescription
from mmcl_ext.checkpoints.families import CTRGCNFamily, DGSTGCNFamily, HyperGCNFamily
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.config.build_model import build_model
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.registry import MODELS

# name of the file, type of the backbone, options, tolerance in float64
PARITY = [
    ('ctrgcn_ntu60', 'CTRGCN', {}, 1e-9),
    ('ctrsgcn_ntu60', 'CTRSGCN', {}, 1e-9),
    ('infogcn_ntu60_k1', 'InfoGCN', {'k': 1}, 1e-6),
    ('hdgcn_com1_ntu60', 'HDGCN', {'center': 1}, 1e-9),
    ('dgstgcn64_ntu60', 'DGSTGCN', {}, 1e-9),
    ('dgstgcn96_ntu60', 'DGSTGCN', {}, 1e-9),
    ('hypergcn_base_ntu60', 'HyperGCN', {}, 1e-7),  # the authors' distances are rounded
    ('blockgcn_notopo_ntu60', 'BlockGCN', {}, 1e-9),
    ('blockgcn_topo_ntu60', 'BlockGCN', {}, 1e-6),  # the same
    ('lagcn_ntu60', 'LAGCN', {}, 1e-9),
]
SMALL = dict(base_channels=16, num_stages=4, inflate_stages=[3], down_stages=[3])


def load_parity(shared, name: str) -> tuple[dict, dict]:
    """Return the reference's tensors and the published state."""
    tensors = load_file(shared / 'parity' / f'{name}.safetensors')
    prefix = 'state_dict.'
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return tensors, state


def run_imported(path, x: torch.Tensor) -> torch.Tensor:
    """Read what was written, build the model that it names and run it on (N, M, T, V, C)."""
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint.keys() == {'meta', 'state_dict'}
    model = build_model(checkpoint['meta']['model']).to(x.dtype).eval()
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    with torch.no_grad():
        return model(dict(keypoint=x[:, None]))


@pytest.fixture
def tool(repo, monkeypatch, capsys):
    """Run a command line in this process and return what it prints."""

    def run(name: str, *args) -> str:
        argv = [name, *map(str, args)]
        monkeypatch.chdir(repo)
        monkeypatch.setattr(sys, 'argv', argv)
        runpy.run_path(f'tools/checkpoint/{name}.py', run_name='__main__')
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(('name', 'kind', 'options', 'tolerance'), PARITY)
def test_official_outputs_are_reproduced(shared, tool, tmp_path, name, kind, options, tolerance):
    tensors, state = load_parity(shared, name)
    torch.save(state, tmp_path / 'theirs.pt')
    flags = [text for key, value in options.items() for text in (f'--{key}', value)]
    out = tool('import_official', tmp_path / 'theirs.pt', tmp_path / 'ours.pth', *flags)
    assert f"type='{kind}'" in out
    x = tensors['input'].permute(0, 4, 2, 3, 1).double()  # (N, M, T, V, C)
    expected = tensors['output_float64']
    error = (run_imported(tmp_path / 'ours.pth', x) - expected).abs().max()
    assert error <= tolerance * expected.abs().max()


def author_state(generator: int = 0, **changes) -> dict[str, torch.Tensor]:
    """Make a small network of ours and give its state the authors' layout."""
    torch.manual_seed(generator)
    backbone = dict(
        type='CTRGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='kinect_v1', mode='spatial'),
        num_person=1,
        **SMALL,
        **changes,
    )
    head = dict(type='GCNHead', num_classes=7)
    model = build_model(dict(type='SkeletonRecognizer', backbone=backbone, cls_head=head))
    randomize(model)
    return CTRGCNFamily().to_theirs(model.state_dict())


def randomize(model: nn.Module) -> None:
    """Give every parameter and statistic a value that matters."""
    for key, value in model.state_dict().items():
        if key.endswith('running_var'):
            value.uniform_(0.5, 1.5)
        elif value.is_floating_point() and not key.endswith(('.A', 'backbone.A', '.PA')):
            value.normal_(0.1, 0.3)


@pytest.mark.parametrize('wrap', [lambda s: s, lambda s: {'state_dict': s, 'meta': {}}])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_settings_are_found_and_wrapping_is_removed(tmp_path, wrap, prefix):
    state = author_state()
    torch.save(wrap({prefix + key: value for key, value in state.items()}), tmp_path / 'a.pt')
    imported = official.import_state(read_checkpoint(tmp_path / 'a.pt')['state_dict'])
    assert imported.source == 'CTR-GCN'
    assert imported.model_cfg['cls_head'] == dict(type='GCNHead', num_classes=7)
    assert imported.model_cfg['backbone'] == dict(
        type='CTRGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='kinect_v1', mode='spatial'),
        num_person=1,
        base_channels=16,
        num_stages=4,
        inflate_stages=(3,),
        down_stages=(3,),
    )


def test_ctrgcn_goes_out_as_it_came_in(shared, tool, tmp_path):
    _, state = load_parity(shared, 'ctrgcn_ntu60')
    torch.save(state, tmp_path / 'theirs.pt')
    tool('import_official', tmp_path / 'theirs.pt', tmp_path / 'ours.pth')
    out = tool('export_official', tmp_path / 'ours.pth', tmp_path / 'back.pt')
    assert '822 entries' in out
    back = torch.load(tmp_path / 'back.pt', weights_only=True)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_export_takes_the_skeleton_part_of_a_training(tmp_path):
    state = author_state()
    ours = official.import_state(state).state_dict
    full = {**ours, 'co_learning.fam.layers.0.weight': torch.ones(2)}
    torch.save(dict(meta=dict(cfg='model = dict()'), state_dict=full), tmp_path / 'full.pth')
    back = official.export_ctrgcn(tmp_path / 'full.pth')
    assert all(torch.equal(back[key], value) for key, value in state.items())


@pytest.mark.parametrize(
    'meta', [dict(cfg='backbone=dict(relu_after_concat=True)'), dict(relu_after_concat=True)]
)
def test_export_refuses_what_the_authors_class_cannot_compute(tool, tmp_path, meta):
    ours = official.import_state(author_state()).state_dict
    torch.save(dict(meta=meta, state_dict=ours), tmp_path / 'a.pth')
    with pytest.raises(SystemExit, match='relu_after_concat'):
        tool('export_official', tmp_path / 'a.pth', tmp_path / 'b.pt')
    assert not (tmp_path / 'b.pt').exists()


def test_export_refuses_another_network(tmp_path):
    torch.save({'backbone.gcn.0.gcn.A': torch.ones(1)}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'no CTR-GCN.*gcn\.0\.gcn\.A'):
        official.export_ctrgcn(tmp_path / 'a.pth')


# MMAction2 and PYSKL

STGCNPP = dict(gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn')
MMACTION = {
    'ST-GCN': dict(type='STGCN', layout='nturgb+d', mode='stgcn_spatial'),
    'ST-GCN, offset': dict(
        type='STGCN', layout='coco', mode='spatial', gcn_adaptive='offset', data_bn_type='MVC'
    ),
    'ST-GCN, post': dict(
        type='STGCN', layout='nturgb+d', mode='spatial', gcn_conv_pos='post', in_channels=2
    ),
    'ST-GCN, one subset': dict(type='STGCN', layout='coco', mode='binary_adj'),
    'ST-GCN++': dict(type='STGCN', layout='coco', mode='spatial', **STGCNPP),
    'AAGCN': dict(type='AAGCN', layout='openpose', mode='spatial'),
    '2s-AGCN': dict(type='AAGCN', layout='nturgb+d', mode='spatial', gcn_attention=False),
}


def build_mmaction(layout: str, mode: str, **backbone) -> nn.Module:
    cfg = dict(
        type='RecognizerGCN',
        backbone=dict(**backbone, graph_cfg=dict(layout=layout, mode=mode), **SMALL),
        cls_head=dict(type='GCNHead', num_classes=6, in_channels=32),
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build({**cfg, 'type': 'mmaction.RecognizerGCN', '_scope_': 'mmaction'})
    assert type(model).__module__.startswith('mmaction.')
    assert type(model.backbone).__module__.startswith('mmaction.')
    randomize(model)
    return model.eval()


@pytest.mark.parametrize('pyskl', [False, True])
@pytest.mark.parametrize('name', MMACTION)
def test_mmaction_networks_give_the_same(tmp_path, tool, name, pyskl):
    torch.manual_seed(0)
    model = build_mmaction(**MMACTION[name])
    state = model.state_dict()
    if pyskl:
        state = {key.replace('cls_head.fc.', 'cls_head.fc_cls.'): v for key, v in state.items()}
    torch.save(dict(meta=dict(epoch=16), state_dict=state, optimizer={}), tmp_path / 'a.pth')
    out = tool('import_official', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert f'source: {name.partition(",")[0].replace("2s-AGCN", "AAGCN").rstrip("+")} of' in out
    channels = MMACTION[name].get('in_channels', 3)
    x = torch.rand(2, 2, 12, model.backbone.graph.num_node, channels)
    with torch.no_grad():
        expected = model.cls_head(model.backbone(x))
    torch.testing.assert_close(run_imported(tmp_path / 'b.pth', x), expected, rtol=0, atol=0)


def test_settings_of_mmaction_networks_are_found():
    def settings(name: str) -> dict:
        found = official.import_state(build_mmaction(**MMACTION[name]).state_dict()).model_cfg
        return {k: v for k, v in found['backbone'].items() if k not in SMALL}

    def graph(layout: str, mode: str) -> dict:
        return dict(type='SkeletonGraph', layout=layout, mode=mode)

    assert settings('ST-GCN') == dict(type='STGCN', graph_cfg=graph('nturgb+d', 'stgcn_spatial'))
    assert settings('ST-GCN++') == dict(
        type='STGCN', graph_cfg=graph('coco', 'mmaction_spatial'), **STGCNPP
    )
    assert settings('ST-GCN, offset') == dict(
        type='STGCN',
        graph_cfg=graph('coco', 'mmaction_spatial'),
        gcn_adaptive='offset',
        data_bn_type='MVC',
    )
    assert settings('2s-AGCN')['gcn_attention'] is False


def mmaction_ctrgcn(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Compute MMAction2's CTR-GCN from its state: x of shape (N, M, T, V, C)."""

    def conv(x, key, **options):
        return F.conv2d(x, state[f'{key}.weight'], state[f'{key}.bias'], **options)

    def norm(x, key):
        entries = [state[f'{key}.{name}'] for name in ('running_mean', 'running_var')]
        return F.batch_norm(x, *entries, state[f'{key}.weight'], state[f'{key}.bias'])

    def gcn(x, key):
        y = 0
        for k, adjacency in enumerate(state[f'{key}.A']):
            a, b = (conv(x, f'{key}.convs.{k}.conv{i}').mean(2) for i in (1, 2))
            refined = conv(torch.tanh(a[..., :, None] - b[..., None, :]), f'{key}.convs.{k}.conv4')
            topology = state[f'{key}.alpha'] * refined + adjacency
            # the first joint axis of the topology is summed over
            y = y + conv(x, f'{key}.convs.{k}.conv3') @ topology
        down = x
        if f'{key}.down.0.weight' in state:
            down = norm(conv(x, f'{key}.down.0'), f'{key}.down.1')
        return F.relu(norm(y, f'{key}.bn') + down)

    def tcn(x, key, stride):
        parts = []
        for i in (0, 1):
            h = F.relu(norm(conv(x, f'{key}.branches.{i}.0'), f'{key}.branches.{i}.1'))
            options = dict(stride=(stride, 1), padding=(2 * (i + 1), 0), dilation=(i + 1, 1))
            h = conv(h, f'{key}.branches.{i}.3.conv', **options)
            parts.append(norm(h, f'{key}.branches.{i}.3.bn'))
        h = F.relu(norm(conv(x, f'{key}.branches.2.0'), f'{key}.branches.2.1'))
        h = F.max_pool2d(h, (3, 1), (stride, 1), (1, 0))
        parts.append(norm(h, f'{key}.branches.2.4'))
        h = conv(x, f'{key}.branches.3.0', stride=(stride, 1))
        parts.append(norm(h, f'{key}.branches.3.1'))
        return F.relu(torch.cat(parts, 1))

    n, m, t, v, c = x.shape
    x = norm(x.permute(0, 1, 3, 4, 2).reshape(n, -1, t), 'backbone.data_bn')
    x = x.view(n * m, v, c, t).permute(0, 2, 3, 1)
    for i in range(4):
        key, stride = f'backbone.net.{i}', 2 if i == 2 else 1
        residual = x if i else 0
        if f'{key}.residual.conv.weight' in state:
            h = conv(x, f'{key}.residual.conv', stride=(stride, 1))
            residual = norm(h, f'{key}.residual.bn')
        x = F.relu(tcn(gcn(x, f'{key}.gcn1'), f'{key}.tcn1', stride) + residual)
    x = x.mean((2, 3)).view(n, m, -1).mean(1)
    return F.linear(x, state['cls_head.fc.weight'], state['cls_head.fc.bias'])


def mmaction_ctrgcn_state() -> dict[str, torch.Tensor]:
    """Name random entries as MMAction2's project and PYSKL do."""
    state = {}
    for key, value in author_state().items():
        if key.startswith('l'):
            block, _, rest = key.partition('.')
            key = f'net.{int(block[1:]) - 1}.{rest}'.replace('gcn1.PA', 'gcn1.A')
        value = value.double() if value.is_floating_point() else value
        if key.endswith(('.A', '.alpha')):
            value = torch.rand_like(value)  # the published graph is nearly symmetric
        state['cls_head.' + key if key.startswith('fc.') else 'backbone.' + key] = value
    return {**state, 'backbone.A': torch.rand(3, 20, 20)}


def test_ctrgcn_of_mmaction_is_compensated_exactly(tmp_path, tool):
    state = mmaction_ctrgcn_state()
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    out = tool('import_official', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert 'relu_after_concat=True' in out
    x = torch.rand(2, 1, 12, 20, 3, dtype=torch.double)
    expected = mmaction_ctrgcn(state, x)
    torch.testing.assert_close(run_imported(tmp_path / 'b.pth', x), expected, rtol=1e-9, atol=1e-9)


# The reference code of co-learning


def test_what_an_import_tells_is_compared(tmp_path, tool):
    """MMAction2's CTR-GCN in the authors' network would give other scores, without an error."""
    content = dict(state_dict=mmaction_ctrgcn_state())
    names = [f'A{i}' for i in range(len(content['state_dict']['cls_head.fc.weight']))]
    content['meta'] = dict(dataset_meta=dict(classes=names))
    torch.save(content, tmp_path / 'theirs.pth')
    tool('import_official', tmp_path / 'theirs.pth', tmp_path / 'ours.pth')
    meta = read_checkpoint(tmp_path / 'ours.pth')['meta']
    assert DataDescription.from_meta(meta).classes == tuple(names)
    model = meta['model']
    cfg = apis.get_config('skeleton/ctrgcn_ntu60')
    for relu in (True, False):
        cfg.model = model
        cfg.model.backbone.relu_after_concat = relu
        cfg.dump(tmp_path / 'config.py')
        if relu:
            load_deployed(tmp_path / 'config.py', tmp_path / 'ours.pth')
        else:
            with pytest.raises(ValueError, match='backbone is relu_after_concat=True in'):
                load_deployed(tmp_path / 'config.py', tmp_path / 'ours.pth')


@pytest.fixture
def mmcl_state() -> dict[str, torch.Tensor]:
    """Name the entries as the reference code does."""
    import mmcl_ext.mmcl  # noqa: F401  registers the image encoder

    encoder = build_model(dict(type='InceptionV3', num_classes=11)).state_dict()
    parts = {
        'mlp.0': nn.Linear(3, 64),
        'mlp.2': nn.Linear(64, 2),
        'FAM_Aligh.mlp.0': nn.Linear(11, 32),
        'FAM_Aligh.mlp.2': nn.Linear(32, 32),
        'inception_v3.AuxLogits.fc': nn.Linear(4, 4),
    }
    linear = {f'{p}.{k}': v for p, layer in parts.items() for k, v in layer.state_dict().items()}
    return {
        **author_state(),
        **linear,
        **{f'inception_v3.{key}': value for key, value in encoder.items()},
        'PosMatrix': torch.rand(7),
        'NegMatrix': torch.rand(7),
    }


def test_train_only_entries_are_left_out(tmp_path, tool, mmcl_state):
    torch.save(mmcl_state, tmp_path / 'a.pt')
    out = tool('import_official', tmp_path / 'a.pt', tmp_path / 'b.pth')
    assert 'trained with co-learning' in out
    x = torch.rand(1, 1, 12, 20, 3)
    plain = official.import_state(author_state())
    model = build_model(plain.model_cfg).eval()
    model.load_state_dict(plain.state_dict)
    with torch.no_grad():
        assert torch.equal(run_imported(tmp_path / 'b.pth', x), model(dict(keypoint=x[:, None])))


def test_train_only_entries_are_kept_on_demand(tmp_path, tool, mmcl_state):
    torch.save(mmcl_state, tmp_path / 'a.pt')
    tool('import_official', tmp_path / 'a.pt', tmp_path / 'b.pth', '--keep-co-learning')
    checkpoint = torch.load(tmp_path / 'b.pth', weights_only=True)
    model = build_model(checkpoint['meta']['model']).eval()
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    logits, text, feature = torch.rand(2, 7), torch.rand(2, 3), torch.rand(2, 11)

    def mlp(x, key):
        for i in (0, 2):
            x = F.linear(x, mmcl_state[f'{key}.{i}.weight'], mmcl_state[f'{key}.{i}.bias'])
            x = F.relu(x) if i == 0 else x
        return x

    weights = mlp(text, 'mlp').softmax(1)
    matrices = torch.stack([mmcl_state['PosMatrix'], mmcl_state['NegMatrix']])
    with torch.no_grad():
        torch.testing.assert_close(model.refine(logits, text), weights @ matrices * logits)
        branch = model.co_learning
        torch.testing.assert_close(branch.fam(feature), mlp(feature, 'FAM_Aligh.mlp'))
        image = branch.image_encoder.Conv2d_1a_3x3.conv.weight
        assert torch.equal(image, mmcl_state['inception_v3.Conv2d_1a_3x3.conv.weight'])


TRAIN_ONLY = {
    'ProtoGCN': [
        *('backbone.post.weight', 'backbone.bn.running_mean', 'backbone.prn.query_matrix.weight'),
        *('backbone.prn.memory_matrix.weight', 'cls_head.csc_loss.cl_fc.weight'),
    ],
    'ACLNet': ['cls_head.inter_loss.cl_fc.weight', 'cls_head.intra_loss.cl_fc.bias'],
}


def dgstgcn_state(**changes) -> dict[str, torch.Tensor]:
    """Make a small DG-STGCN of ours and give its state PYSKL's layout."""
    graph = dict(type='SkeletonGraph', layout='kinect_v1', mode='random')
    backbone = dict(type='DGSTGCN', graph_cfg=graph, **SMALL, **changes)
    head = dict(type='GCNHead', num_classes=7)
    model = build_model(dict(type='SkeletonRecognizer', backbone=backbone, cls_head=head))
    randomize(model)
    return DGSTGCNFamily().to_theirs(model.state_dict())


@pytest.mark.parametrize('source', TRAIN_ONLY)
def test_what_contrasts_topologies_is_left_out(tmp_path, tool, source):
    state = dgstgcn_state()
    left_out = {key: torch.rand(2) for key in TRAIN_ONLY[source]}
    torch.save({'state_dict': {**state, **left_out}}, tmp_path / 'a.pth')
    out = tool('import_official', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert 'ProtoGCN or ACLNet, trained with contrastive learning' in out
    assert f'\n{len(left_out)} train-only entries left out\n' in out
    x = torch.rand(1, 1, 12, 20, 3)
    plain = official.import_state(state)
    model = build_model(plain.model_cfg).eval()
    model.load_state_dict(plain.state_dict)
    with torch.no_grad():
        assert torch.equal(run_imported(tmp_path / 'b.pth', x), model(dict(keypoint=x[:, None])))


def test_settings_of_dgstgcn_are_found():
    imported = official.import_state(dgstgcn_state())
    assert imported.model_cfg['backbone'] == dict(
        type='DGSTGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='kinect_v1', mode='random'),
        base_channels=16,
        num_stages=4,
        inflate_stages=(3,),
        down_stages=(3,),
    )


def test_the_large_hypergcn_is_recognised():
    """It has no recorded output; its state has the base network's names, other widths."""
    graph = dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial')
    large = dict(type='HyperGCN', graph_cfg=graph, inflate_stages=(4, 7))
    head = dict(type='GCNHead', num_classes=7)
    model = build_model(dict(type='SkeletonRecognizer', backbone=large, cls_head=head)).eval()
    imported = official.import_state(HyperGCNFamily().to_theirs(model.state_dict()))
    assert imported.model_cfg['backbone']['inflate_stages'] == (4, 7)
    assert 'down_stages' not in imported.model_cfg['backbone']  # the usual ones
    again = build_model(imported.model_cfg).eval()
    again.load_state_dict(imported.state_dict, strict=True)
    x = dict(keypoint=torch.rand(1, 1, 2, 12, 25, 3))
    with torch.no_grad():
        assert torch.equal(again(x), model(x))


def test_dgstgcn_with_a_normalisation_per_slot_is_refused():
    state = dgstgcn_state()
    norm = [key for key in state if 'data_bn' in key and state[key].ndim]
    state.update({key: state[key].repeat(2) for key in norm})
    with pytest.raises(ValueError, match='has 120 entries in place of one for each of 20 joints'):
        official.import_state(state)


def test_one_subset_is_ambiguous(tmp_path, tool):
    torch.save(build_mmaction(**MMACTION['ST-GCN, one subset']).state_dict(), tmp_path / 'a.pth')
    assert "'post'" in tool('import_official', tmp_path / 'a.pth', tmp_path / 'b.pth')


def test_nothing_to_keep_is_said(tmp_path, tool):
    torch.save(author_state(), tmp_path / 'a.pt')
    with pytest.raises(SystemExit, match='no entries of a co-learning branch'):
        tool('import_official', tmp_path / 'a.pt', tmp_path / 'b.pth', '--keep-co-learning')


def test_refinement_alone_is_kept(mmcl_state):
    """The zero-shot code of the authors has no image encoder."""
    from mmcl_ext.checkpoints.families.mmcl_action import keep_co_learning

    images = ('inception_v3.', 'FAM_Aligh.')
    state = {key: value for key, value in mmcl_state.items() if not key.startswith(images)}
    kept = keep_co_learning(official.import_state(state))
    assert kept.model_cfg['co_learning']['image_encoder'] is None
    assert kept.train_only == {}


# What does not fit


@pytest.mark.parametrize(
    ('name', 'option'), [('infogcn_ntu60_k1', '--k'), ('hdgcn_com1_ntu60', '--center')]
)
def test_what_no_checkpoint_stores_is_asked_for(shared, name, option):
    with pytest.raises(ValueError, match=f'in no checkpoint: give {option}'):
        official.import_state(load_parity(shared, name)[1])


def test_unknown_checkpoints_are_named():
    with pytest.raises(ValueError, match=r'none of \(.*CTR-GCN, .*conv1\.weight'):
        official.import_state({'conv1.weight': torch.ones(1)})


def test_own_checkpoints_are_recognised():
    with pytest.raises(ValueError, match='of this package already'):
        official.import_state(official.import_state(author_state()).state_dict)


def test_missing_entries_are_named():
    state = author_state()
    del state['l2.tcn1.branches.0.0.weight']
    with pytest.raises(ValueError, match=r'CTR-GCN, but .*l2\.tcn1\.branches\.0\.0\.weight'):
        official.import_state(state)


def test_missing_modules_are_named():
    state = {k: v for k, v in author_state().items() if not k.startswith('l2.gcn1.bn.running')}
    with pytest.raises(ValueError, match=r"'l2\.gcn1\.bn\.running_mean' is missing"):
        official.import_state(state)


def test_foreign_entries_are_named():
    with pytest.raises(ValueError, match=r'CTR-GCN, but .*l1\.attention\.weight'):
        official.import_state({**author_state(), 'l1.attention.weight': torch.ones(1)})


def test_a_given_configuration_must_fit(tool, tmp_path):
    torch.save(author_state(), tmp_path / 'a.pt')
    config = ('--config', 'configs/skeleton/ctrgcn_ntu60.py')
    with pytest.raises(SystemExit, match=r"entries do not fit.*'l5\.[^;]* is missing"):
        tool('import_official', tmp_path / 'a.pt', tmp_path / 'b.pth', *config)
    assert not (tmp_path / 'b.pth').exists()


def test_shapes_that_differ_are_named():
    state = author_state()
    state['l3.gcn1.convs.1.conv1.weight'] = torch.rand(5, 16, 1, 1)
    with pytest.raises(ValueError, match=r"'l3\.gcn1\.convs\.1\.conv1\.weight' has shape \(5, 16"):
        official.import_state(state)


def small_cfg(layout, kind: str = 'CTRGCN', **changes) -> dict:
    graph = dict(type='SkeletonGraph', layout=layout, mode='spatial')
    backbone = dict(type=kind, graph_cfg=graph, num_person=1, **SMALL, **changes)
    head = dict(type='GCNHead', num_classes=7)
    return dict(type='SkeletonRecognizer', backbone=backbone, cls_head=head)


def test_a_given_configuration_may_have_an_unknown_skeleton():
    edges = [(joint, joint - 1) for joint in range(1, 6)]
    names = [f'joint {index}' for index in range(6)]
    layout = dict(name='chain', joint_names=names, edges=edges, center=0)
    cfg = small_cfg(layout)
    torch.manual_seed(0)
    model = build_model(cfg)
    randomize(model)
    theirs = CTRGCNFamily().to_theirs(model.state_dict())
    with pytest.raises(ValueError, match='no layout is known with 6 joints'):
        official.import_state(theirs)
    imported = official.import_state(theirs, cfg)
    state = model.state_dict()
    assert imported.state_dict.keys() == state.keys()
    assert all(torch.equal(imported.state_dict[key], state[key]) for key in state)


@pytest.mark.parametrize('theirs', [author_state, mmaction_ctrgcn_state])
def test_a_given_configuration_must_have_the_right_relu(theirs):
    """No entry tells the two CTR-GCNs apart: the wrong one would load without an error."""
    extra = theirs is mmaction_ctrgcn_state
    official.import_state(theirs(), small_cfg('kinect_v1', relu_after_concat=extra))
    with pytest.raises(ValueError, match=f'relu_after_concat must be {extra}'):
        official.import_state(theirs(), small_cfg('kinect_v1', relu_after_concat=not extra))


def test_a_given_configuration_must_have_the_right_backbone():
    with pytest.raises(ValueError, match='has CTRSGCN in place of CTRGCN'):
        official.import_state(author_state(), small_cfg('kinect_v1', 'CTRSGCN'))


def test_options_and_a_configuration_do_not_mix(shared):
    state = load_parity(shared, 'infogcn_ntu60_k1')[1]
    with pytest.raises(ValueError, match='k belongs into the given configuration'):
        official.import_state(state, small_cfg('kinect_v1'), k=1)


def test_options_of_another_network_are_refused():
    with pytest.raises(ValueError, match='this looks like CTR-GCN, but that has no k=1, center=2'):
        official.import_state(author_state(), k=1, center=2)


class _Hostile:
    def __reduce__(self):
        return (print, ('code from a checkpoint ran',))


def test_code_in_a_checkpoint_does_not_run(tool, tmp_path, capsys):
    torch.save({**author_state(), 'extra': _Hostile()}, tmp_path / 'a.pt')
    with pytest.raises(SystemExit, match='was not loaded'):
        tool('import_official', tmp_path / 'a.pt', tmp_path / 'b.pth')
    (tmp_path / 'c.pt').write_bytes(pickle.dumps(_Hostile()))
    with pytest.raises(SystemExit, match='error'):
        tool('import_official', tmp_path / 'c.pt', tmp_path / 'b.pth')
    assert 'code from' not in capsys.readouterr().out
    assert not (tmp_path / 'b.pth').exists()


@pytest.mark.parametrize('content', [[torch.ones(1)], {'epoch': 3}, {}])
def test_files_without_a_state_are_refused(tmp_path, content):
    torch.save(content, tmp_path / 'a.pt')
    with pytest.raises(ValueError, match='holds'):
        read_checkpoint(tmp_path / 'a.pt')


def test_a_damaged_safetensors_file_is_named(tool, tmp_path):
    (tmp_path / 'a.safetensors').write_bytes(b'hello')
    with pytest.raises(SystemExit, match=r'error: .*a\.safetensors is no safetensors file'):
        tool('import_official', tmp_path / 'a.safetensors', tmp_path / 'b.pth')


def test_a_missing_file_is_named(tool, tmp_path):
    with pytest.raises(SystemExit, match='there is no checkpoint'):
        tool('import_official', tmp_path / 'none.pt', tmp_path / 'b.pth')


@pytest.fixture
def downloads(shared, repo, tmp_path, monkeypatch, mmcl_state):
    """A folder with the files that the documentation names."""
    monkeypatch.chdir(tmp_path)
    for folder in ('configs', 'tools'):
        (tmp_path / folder).symlink_to(repo / folder)
    (tmp_path / 'downloads').mkdir()
    states = {
        'ctrgcn': load_parity(shared, 'ctrgcn_ntu60')[1],
        'infogcn': load_parity(shared, 'infogcn_ntu60_k1')[1],
        'hdgcn_com_1': load_parity(shared, 'hdgcn_com1_ntu60')[1],
        'mmcl': mmcl_state,
    }
    for name, state in states.items():
        torch.save(state, f'downloads/{name}.pt')


def test_the_documentation_runs_as_written(downloads, repo, monkeypatch, capsys):
    text = (repo / 'docs' / 'checkpoints.md').read_text()
    commands = re.findall(r'^python (tools/checkpoint/\S+) (.*)$', text, re.MULTILINE)
    assert len(commands) == 6
    for script, arguments in commands:
        monkeypatch.setattr(sys, 'argv', [script, *arguments.split()])
        runpy.run_path(script, run_name='__main__')
        assert f'written to {arguments.split()[1]}' in capsys.readouterr().out
    names: dict = {}
    for snippet in re.findall(r'^```python\n(.*?)^```', text, re.DOTALL | re.MULTILINE):
        exec(compile(snippet, 'docs/checkpoints.md', 'exec'), names)
    assert names['logits'].shape == (1, 60)
