"""Exported files: every graph network, every format, and what is refused."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.deployment import export as exporting
from mmcl_ext.deployment.backends import load_backend
from mmcl_ext.deployment.model_file import METADATA_KEY, read_model_info
from mmcl_ext.deployment.portable import ClipModel, PortableModel, takes_persons
from mmcl_ext.graphs import get_layout
from mmcl_ext.models import LAGCN, BlockGCN
from test_deployment.test_empty_persons import BACKBONES, NTU, SMALL, clips, relative
from test_deployment.test_optimize import recognizer

PIPELINE = (
    dict(type='ValidCropResize', window=12),
    dict(type='SkeletonStream', stream='joint'),
    dict(type='FormatSkeleton', num_person=2),
    dict(type='PackActionInputs', collect_keys=['keypoint']),
)
SKELETON = json.loads(json.dumps(asdict(get_layout('nturgb+d'))))
SKELETON.pop('name')
INFO = ModelInfo(
    classes=tuple('abcdefg'),
    layout='nturgb+d',
    skeleton=SKELETON,
    stream='joint',
    num_person=2,
    window=12,
    in_channels=3,
    pipeline=PIPELINE,
    average_clips='score',
    backbone='test',
    model=dict(cls_head=dict(num_classes=7)),
)
BATCHES = ((1,), (2,), (1, 2, 1), (0, 1), (0,))


def write(model: nn.Module, path: Path, kind: str) -> Path:
    portable = PortableModel(model, INFO.window, INFO.num_person).eval().requires_grad_(False)
    exporting.write_model(portable, INFO, path, kind)
    return path


@torch.inference_mode()
def check(model: nn.Module, path: Path, runtime: str) -> None:
    """Compare batches of every size and occupation."""
    run = load_backend(path, runtime, trust=True)
    for persons in BATCHES:
        x = clips(*persons)
        expected = model(dict(keypoint=x.unsqueeze(1)))
        # LA-GCN's powers of random topologies enlarge what rounding leaves
        tolerance = 1e-4 if isinstance(model.backbone, LAGCN) else 1e-5
        assert relative(torch.from_numpy(run(x.numpy())), expected) <= tolerance


OTHERS = (
    'dgstgcn',
    'hypergcn',
    'blockgcn',
    'lagcn',
    'hdgcn',
    'infogcn',
    'ctrsgcn',
    'stgcn',
    'stgcnpp',
    'aagcn',
)


@pytest.mark.parametrize(
    'name', ['ctrgcn', *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_onnx_of_every_network(name: str, tmp_path: Path) -> None:
    pytest.importorskip('onnxscript')
    pytest.importorskip('onnxruntime')
    torch.manual_seed(0)
    model = recognizer(BACKBONES[name]())
    path = write(model, tmp_path / 'model.onnx', 'onnx')
    check(model, path, 'onnxruntime')
    if name != 'ctrgcn' and importlib.util.find_spec('openvino'):
        check(model, path, 'openvino')
    assert read_model_info(path) == INFO


@pytest.mark.slow
def test_onnx_of_a_network_that_reads_whole_clips(tmp_path: Path) -> None:
    """BlockGCN with its topology, which is the clip's: nobody is left out."""
    for package in ('onnxscript', 'onnxruntime', 'openvino'):
        pytest.importorskip(package)
    model = recognizer(BlockGCN(NTU, **SMALL))
    assert not takes_persons(model)
    portable = ClipModel(model, (INFO.num_person, INFO.window, 25, 3)).eval()
    path = tmp_path / 'model.onnx'
    exporting.write_model(portable.requires_grad_(False), INFO, path, 'onnx')
    for runtime in ('onnxruntime', 'openvino'):
        check(model, path, runtime)


def test_openvino(tmp_path: Path) -> None:
    pytest.importorskip('onnxscript')
    pytest.importorskip('openvino')
    torch.manual_seed(0)
    model = recognizer(BACKBONES['ctrgcn']())
    path = write(model, tmp_path / 'model.onnx', 'onnx')
    check(model, path, 'openvino')  # more shapes than are compiled apart
    import openvino

    if 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        x = clips(1, 2)
        exact, rounded = (load_backend(path, 'openvino', 1, p)(x.numpy()) for p in ('fp32', 'bf16'))
        difference = np.abs(exact - rounded).max() / np.abs(exact).max()
        assert 0 < difference < 0.1


@pytest.mark.parametrize(('kind', 'suffix'), [('torchscript', '.ts'), ('torch_export', '.pt2')])
@pytest.mark.parametrize(
    'name', ['ctrgcn', *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_torch_formats(name: str, kind: str, suffix: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = recognizer(BACKBONES[name]())
    path = write(model, tmp_path / f'model{suffix}', kind)
    check(model, path, 'torch')
    assert read_model_info(path) == INFO


def test_a_foreign_runtime_reads_the_description(tmp_path: Path) -> None:
    pytest.importorskip('onnxscript')
    onnxruntime = pytest.importorskip('onnxruntime')
    path = write(recognizer(BACKBONES['ctrsgcn']()), tmp_path / 'model.onnx', 'onnx')
    session = onnxruntime.InferenceSession(str(path))
    text = session.get_modelmeta().custom_metadata_map[METADATA_KEY]
    assert json.loads(text) == INFO.to_dict()


CONFIG = 'configs/skeleton/ctrgcn_hdgraph_utdmhad.py'


@pytest.fixture(scope='module')
def checkpoint(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mmcl_ext.analysis.complexity import build_deployed
    from mmcl_ext.config.load_config import load_config

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('checkpoint') / 'epoch_1.pth'
    model = build_deployed(load_config(repo / CONFIG))
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


def tool(repo: Path, *arguments: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, '-W', 'ignore', 'tools/deploy/export.py', *map(str, arguments)]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True)


def test_the_tool_checks_and_writes(repo: Path, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / 'model.ts'
    done = tool(repo, CONFIG, checkpoint, out, '--format', 'torchscript', '--num-clips', '3')
    assert done.returncode == 0, done.stderr
    assert 'generated skeletons' in done.stdout
    assert '3 clips' in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ['model.ts']
    assert read_model_info(out).window == 64
    missing = tool(
        repo, CONFIG, tmp_path / 'none.pth', tmp_path / 'b.ts', '--format', 'torchscript'
    )
    assert missing.returncode != 0
    assert missing.stderr.startswith('error: there is no checkpoint')


def test_a_difference_is_refused(
    repo: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting.logits_of
    monkeypatch.setattr(exporting, 'logits_of', lambda model, x: honest(model, x) * 1.01)
    with pytest.raises(ValueError, match='nothing was written'):
        exporting.export(
            repo / CONFIG, checkpoint, tmp_path / 'm.ts', kind='torchscript', num_clips=2
        )
    monkeypatch.setattr(exporting, 'logits_of', lambda model, x: -honest(model, x))
    with pytest.raises(ValueError, match=r'0\.0%'):
        exporting.export(
            repo / CONFIG,
            checkpoint,
            tmp_path / 'm.ts',
            kind='torchscript',
            num_clips=2,
            tolerance=10.0,
        )
    assert not list(tmp_path.iterdir())


def test_a_difference_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match='differ from those of PyTorch by nan'):
        exporting._refuse_difference(exporting.Check('torch', 3, float('nan'), 1.0), 1e-4)


def test_bad_requests(repo: Path, checkpoint: Path, tmp_path: Path) -> None:
    for out, kind, message in (
        ('m.onnx', 'torchscript', 'ends in .ts'),
        ('m.ts', 'caffe', 'format is one of'),
    ):
        with pytest.raises(ValueError, match=message):
            exporting.export(repo / CONFIG, checkpoint, tmp_path / out, kind=kind)
    with pytest.raises(FileNotFoundError, match='no folder'):
        exporting.export(repo / CONFIG, checkpoint, tmp_path / 'no' / 'm.ts', kind='torchscript')
    with pytest.raises(
        ValueError, match='a Linear of NoneType and NoneType does not work person by person'
    ):
        PortableModel(nn.Linear(2, 2), 8)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='no model file'):
        load_backend(tmp_path / 'none.onnx', 'onnxruntime')
    for name in ('a.onnx', 'a.ts', 'a.pt2', 'a.pth'):
        for content in (b'', b'no model at all, only text'):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ValueError, match=r'not|no '):
                read_model_info(tmp_path / name)
    with pytest.raises(ValueError, match='cannot run'):
        load_backend(tmp_path / 'a.onnx', 'torch')
    with pytest.raises(ValueError, match='cannot run'):
        load_backend(tmp_path / 'a.ts', 'openvino')
    with pytest.raises(ValueError, match='bf16'):
        load_backend(tmp_path / 'a.ts', 'torch', precision='bf16')
    with pytest.raises(ValueError, match='threads'):
        load_backend(tmp_path / 'a.ts', 'torch', threads=0)
