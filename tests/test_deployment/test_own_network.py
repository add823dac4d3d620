"""A network of a user's own: from its folder to exported files and back, with equal scores."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from tiny_data import FAST_OPTIONS, write_tiny_store
from tool_module import load_tool, run_main

from mmcl_ext import apis
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.config.build_model import build_model
from mmcl_ext.deployment import export as exporting
from mmcl_ext.inference import MMCLInferencer

REPO = Path(__file__).resolve().parents[2]
NETWORK = '''
import math

import torch
from torch import nn

from mmcl_ext.registry import MODELS


class BiasedAttention(nn.Module):
    """Attention with a learned bias between every two joints and a gate per head."""

    def __init__(self, width, heads, joints):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.randn(heads, joints, joints))
        self.gate = nn.Parameter(torch.randn(heads))

    def forward(self, x):
        n, v, c = x.shape
        q, k, value = self.qkv(x).view(n, v, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        score = torch.einsum('nhqc,nhkc->nhqk', q, k) / math.sqrt(c // self.heads)
        score = score + torch.sigmoid(self.gate)[:, None, None] * self.bias
        return x + self.out((score.softmax(-1) @ value).transpose(1, 2).reshape(n, v, c))


@MODELS.register_module()
class ClipTransformer(nn.Module):
    def __init__(self, joints, width=16, heads=2, in_channels=3):
        super().__init__()
        self.out_channels = width
        self.embed = nn.Linear(in_channels, width)
        self.spatial = BiasedAttention(width, heads, joints)
        layer = nn.TransformerEncoderLayer(width, heads, 32, batch_first=True)
        self.temporal = nn.TransformerEncoder(layer, 1)

    def forward(self, x):
        n, m, t, v, _ = x.shape
        y = self.spatial(self.embed(x).flatten(0, 2)).view(n * m, t, v, -1)
        y = self.temporal(y.mean(2)).view(n, m, t, 1, -1)
        return y.permute(0, 1, 4, 2, 3)
'''


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """A folder with the network, its store, configuration, checkpoint and published file."""
    root = tmp_path_factory.mktemp('own')
    (root / 'own_nets').mkdir()
    (root / 'own_nets/clip_transformer.py').write_text(NETWORK)
    write_tiny_store(root / 'data.safetensors', num_samples=14)
    sys.path.insert(0, str(root))
    options = {k: v for k, v in FAST_OPTIONS.items() if not k.startswith('model.')}
    cfg = apis.load_config(REPO / 'configs/skeleton/ctrgcn_ntu60.py', options)
    cfg.custom_imports = dict(imports=['own_nets.clip_transformer'], allow_failed_imports=False)
    cfg.model.backbone = dict(type='ClipTransformer', joints=25)
    cfg.model.cls_head.num_classes = 3
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[loader].dataset.ann_file = str(root / 'data.safetensors')
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.dump(root / 'own.py')
    cfg = apis.load_config(root / 'own.py')
    cfg.launcher = 'none'
    apis.train_model(cfg, work_dir=root / 'work')
    yield root
    sys.path.remove(str(root))


@pytest.fixture
def tool(monkeypatch, capsys):
    def run(name, *arguments):
        return run_main(load_tool(REPO / 'tools' / name), arguments, monkeypatch, capsys)

    return run


@pytest.fixture(scope='module')
def published(own):
    from mmcl_ext.checkpoints.publish import publish

    return publish(own / 'own.py', own / 'work/epoch_1.pth', own / 'own.pth').path


def test_onnx_gives_the_scores_of_the_configuration(own, published, tmp_path, tool):
    pytest.importorskip('onnxscript')
    pytest.importorskip('onnxruntime')
    store, out = own / 'data.safetensors', tmp_path / 'own.onnx'
    status, text, error = tool(
        *('deploy/export.py', published, out, '--import', 'own_nets.clip_transformer'),
        *('--clips', store),
    )
    assert (status, error) == (0, '')
    assert 'onnxruntime  14 clips, difference' in text
    trained = MMCLInferencer(own / 'own.py', own / 'work/epoch_1.pth')
    exported = MMCLInferencer(out)
    clips = [f'{store}::xsub_val']
    for batch_size in (1, 3, 6):
        trained.batch_size = exported.batch_size = batch_size
        for ours, theirs in zip(trained(clips), exported(clips), strict=True):
            assert ours.name == theirs.name
            np.testing.assert_allclose(theirs.pred_score, ours.pred_score, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(('kind', 'suffix'), [('torchscript', '.ts'), ('torch_export', '.pt2')])
def test_torch_formats(own, published, tmp_path, kind, suffix):
    done = exporting.export(
        published, None, tmp_path / f'own{suffix}', kind=kind, clips=own / 'data.safetensors'
    )
    assert [check.clips for check in done.checks] == [14]
    assert done.checks[0].difference < 1e-5


def test_published_file_alone(own, published, tmp_path, tool):
    words = ['--store', own / 'data.safetensors', '--split', 'xsub_val']
    words += ['--work-dir', tmp_path / 'work']
    done = subprocess.run(  # a process that does not know the network
        [sys.executable, REPO / 'tools/test.py', published, *words], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f'error: {published}: cannot build the model: ClipTransformer is not in the registry of '
        'the models; '
        'import the module that registers it, by the option --import MODULE'
    ]
    words += ['--import', 'own_nets.clip_transformer', '--dump', tmp_path / 'published.pkl']
    status, _, error = tool('test.py', published, *words)
    assert status == 0, error
    cfg = apis.load_config(own / 'own.py')
    cfg.launcher = 'none'
    metrics = apis.test_model(cfg, own / 'work/epoch_1.pth', work_dir=tmp_path / 'whole')
    [written] = (tmp_path / 'work').glob('*/*.json')
    found = json.loads(written.read_text())
    assert {key: found[key] for key in metrics} == pytest.approx(metrics)


def test_complexity_and_publishing_of_a_published_file(published, tmp_path, tool):
    status, text, _ = tool('analysis/get_complexity.py', published)
    assert status == 0
    assert '(1, 2, 64, 25, 3)' in text
    out = tmp_path / 'again.safetensors'
    status, text, _ = tool('checkpoint/publish.py', published, out, '--license', 'mine')
    assert status == 0
    model, info = load_deployed(text.splitlines()[-1])
    assert info.recipe['license'] == 'mine'
    assert torch.equal(
        model.backbone.spatial.bias, load_deployed(published)[0].backbone.spatial.bias
    )


@torch.library.custom_op('mmcl_test::flip', mutates_args=())
def flip(x: torch.Tensor) -> torch.Tensor:
    return x.flip(-1)


@flip.register_fake
def _(x):
    return torch.empty_like(x)


class Changed(torch.nn.Module):
    """The network with another step."""

    def __init__(self, backbone, change):
        super().__init__()
        self.backbone, self.change = backbone, change

    def forward(self, x):
        return self.backbone(self.change(x))


def export_changed(published, out, change, monkeypatch, kind='onnx'):
    def load(*args):
        model, info = load_deployed(published)
        model.backbone = Changed(model.backbone, change)
        return model, info

    monkeypatch.setattr(exporting, 'load_deployed', load)
    return exporting.export(published, None, out, kind=kind, num_clips=4)


def test_refused_operator_is_named(published, tmp_path, monkeypatch):
    pytest.importorskip('onnxscript')
    with pytest.raises(ValueError, match=r'no form of the operator mmcl_test\.flip') as caught:
        export_changed(published, tmp_path / 'a.onnx', flip, monkeypatch)
    assert '\n' not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_branch_on_values_is_refused(published, tmp_path, monkeypatch):
    """Where tracing takes one way for all clips, the numbers differ."""

    def branch(x):
        return x if len(x) == 4 else -x

    with pytest.raises(ValueError, match='nothing was written: in torch, logits differ'):
        export_changed(published, tmp_path / 'a.ts', branch, monkeypatch, 'torchscript')
    with pytest.raises(ValueError, match='PyTorch cannot write this network as torch_export: '):
        export_changed(published, tmp_path / 'a.pt2', branch, monkeypatch, 'torch_export')
    assert not list(tmp_path.iterdir())


def test_a_preprocessor_that_changes_the_input_is_refused(published, tmp_path, monkeypatch):
    class Scaling(torch.nn.Module):
        def forward(self, data, training=False):
            inputs = {key: 2 * torch.stack(value) for key, value in data['inputs'].items()}
            return {**data, 'inputs': inputs}

    def load(*args):
        model, info = load_deployed(published)
        model.data_preprocessor = Scaling()
        return model, info

    monkeypatch.setattr(exporting, 'load_deployed', load)
    with pytest.raises(ValueError, match='Scaling changes the input'):
        exporting.export(published, None, tmp_path / 'a.ts', kind='torchscript', num_clips=2)


def test_heat_maps(tmp_path):
    """PoseC3D on a pickle of MMAction2's: the file takes what the pipeline makes of joints."""
    from test_models.test_posec3d import PIPELINE, TINY, sample

    names = [f'clip{i}' for i in range(5)]
    annotations = [sample(i) | dict(frame_dir=name) for i, name in enumerate(names)]
    data = tmp_path / 'data.pkl'
    data.write_bytes(pickle.dumps(dict(split=dict(val=names), annotations=annotations)))
    head = dict(type='HeatmapHead', num_classes=6, average_clips='prob')
    backbone = dict(type='PoseC3D', **TINY)
    model = dict(type='SkeletonRecognizer', backbone=backbone, cls_head=head, input_key='imgs')
    dataset = dict(type='SkeletonDataset', ann_file=str(data), split='val', pipeline=PIPELINE)
    cfg = Config(dict(default_scope='mmcl_ext', model=model))
    cfg.test_dataloader = dict(dataset=dict(dataset, layout='coco'))
    cfg.dump(tmp_path / 'posec3d.py')
    state = build_model(model).state_dict()
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'c.pth')
    files = (tmp_path / 'posec3d.py', tmp_path / 'c.pth')
    with pytest.raises(ValueError, match='the network reads imgs: give --clips'):
        exporting.export(*files, tmp_path / 'a.pt2', kind='torch_export')
    done = exporting.export(*files, tmp_path / 'a.pt2', kind='torch_export', clips=data)
    assert done.checks[0].clips == 5
    exported = MMCLInferencer(tmp_path / 'a.pt2', trust=True)
    for ours, theirs in zip(
        MMCLInferencer(*files)([str(data)]), exported([str(data)]), strict=True
    ):
        np.testing.assert_allclose(theirs.pred_score, ours.pred_score, rtol=1e-4, atol=1e-6)
