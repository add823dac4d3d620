"""Exported networks behind the inferencer, and refinement by text."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from inference_models import SMALL, UTD

import mmcl_ext.deployment
from mmcl_ext import MMCLInferencer
from mmcl_ext.apis import load_config
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.inference.predictors import ExportedPredictor, average
from mmcl_ext.registry import MODELS


@pytest.fixture
def exported(utd, tmp_path, monkeypatch):
    """Stands for an exported file: the PyTorch network behind the exports' interface."""
    model, info = load_deployed(utd['published'])
    shapes = []

    def load_backend(path, backend, trust=False):
        assert backend == 'onnxruntime'

        def run(keypoint):
            shapes.append(keypoint.shape)
            assert keypoint.dtype == np.float32
            with torch.inference_mode():
                inputs = dict(keypoint=torch.from_numpy(keypoint)[:, None])
                return model(inputs).numpy()

        return run

    module = ModuleType('mmcl_ext.deployment.backends')
    vars(module).update(load_backend=load_backend)
    monkeypatch.setitem(sys.modules, 'mmcl_ext.deployment.backends', module)
    monkeypatch.setattr(mmcl_ext.deployment, 'read_model_info', lambda path: info, raising=False)
    path = tmp_path / 'model.onnx'
    path.write_bytes(b'')
    return path, shapes


def test_exported_network_gives_the_same_scores(utd, exported, walk):
    path, shapes = exported
    clips = [walk, walk[:, ::-1].copy(), walk + 1]
    theirs = MMCLInferencer(path, batch_size=2)
    assert theirs.backend == 'onnxruntime'
    ours = MMCLInferencer(utd['published'], batch_size=2)
    for a, b in zip(theirs(clips), ours(clips), strict=True):
        np.testing.assert_allclose(a.pred_score, b.pred_score, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(a.probability, b.probability, rtol=1e-5, atol=1e-6)
    assert shapes == [(2, 1, 64, 20, 3), (1, 1, 64, 20, 3)]
    with pytest.raises(ValueError, match='cannot refine scores by text'):
        theirs(walk, text=np.ones((1, 4)))


def test_optimized_network_gives_the_same_scores(utd, walk):
    plain = MMCLInferencer(utd['published'])([walk, walk + 1])
    fast = MMCLInferencer(utd['published'], optimize=True)([walk, walk + 1])
    for a, b in zip(plain, fast, strict=True):
        np.testing.assert_allclose(a.pred_score, b.pred_score, rtol=1e-4, atol=1e-5)


def test_clips_are_averaged():
    logits = np.array([[[0.0, 0.0], [np.log(3), 0.0]]])  # (N=1, clips=2, K=2)
    np.testing.assert_allclose(average(logits, 'score'), [[np.log(3) / 2, 0]])
    np.testing.assert_allclose(average(logits, 'prob'), [[0.625, 0.375]])
    assert average(logits, None).shape == (1, 2, 2)

    def run(keypoint):
        assert keypoint.shape == (4, 1, 5, 3, 2)
        return keypoint.mean(axis=(1, 2, 3))

    values = np.arange(4, dtype='f4').reshape(2, 2, 1, 1, 1, 1)
    keypoint = torch.from_numpy(np.broadcast_to(values, (2, 2, 1, 5, 3, 2)).copy())
    packed = [dict(inputs=dict(keypoint=clips)) for clips in keypoint]
    scores = ExportedPredictor(run)(packed)
    assert [score.tolist() for score in scores] == [[0.5, 0.5], [2.5, 2.5]]


@pytest.fixture
def refining(tmp_path):
    """Configuration and checkpoint of a co-learning model with refinement by text."""
    pytest.importorskip('mmcl_ext.mmcl')
    cfg = load_config(UTD, SMALL)
    cfg.model.type = 'MMCLRecognizer'
    cfg.custom_imports = dict(imports=['mmcl_ext.mmcl'], allow_failed_imports=False)
    cfg.model.co_learning = dict(
        type='CoLearning',
        image_encoder=dict(type='PlainCNN'),
        fam=dict(type='FAM'),
        frm=dict(type='FRM', text_channels=4),
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg.model.to_dict())
    for key, value in model.state_dict().items():
        if key.startswith('co_learning.frm'):
            value.normal_()
    cfg.dump(tmp_path / 'cfg.py')
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'epoch_1.pth')
    return tmp_path / 'cfg.py', tmp_path / 'epoch_1.pth', model


def test_refinement_by_text(refining, walk):
    config, checkpoint, model = refining
    clips, text = [walk, walk + 1, walk * 2], np.random.default_rng(0).normal(size=(3, 4))
    plain = MMCLInferencer(config, checkpoint)(clips)
    inferencer = MMCLInferencer(config, checkpoint, refinement=True, batch_size=2)
    assert not any('image_encoder' in key for key in inferencer.predictor.model.state_dict())
    refined = inferencer(clips, text=text)
    for i, result in enumerate(refined):
        logits = torch.from_numpy(plain[i].pred_score)[None]
        with torch.inference_mode():
            expected = model.eval().refine(logits, torch.tensor(text[i : i + 1]).float())
        np.testing.assert_allclose(result.pred_score, expected[0].numpy(), rtol=1e-4, atol=1e-5)
        assert not np.allclose(result.pred_score, plain[i].pred_score)
    without = inferencer(clips)
    np.testing.assert_allclose(without[2].pred_score, plain[2].pred_score, rtol=1e-4, atol=1e-5)


def test_refinement_refuses(refining, inferencer, utd, walk):
    config, checkpoint, _ = refining
    with pytest.raises(ValueError, match='cannot refine scores by text: give the configuration'):
        inferencer(walk, text=np.ones((1, 4)))
    with pytest.raises(ValueError, match='published without refinement'):
        MMCLInferencer(utd['published'], refinement=True)
    with pytest.raises(ValueError, match='nothing that refines'):
        MMCLInferencer(utd['config'], utd['checkpoint'], refinement=True)
    able = MMCLInferencer(config, checkpoint, refinement=True)
    with pytest.raises(ValueError, match='more clips than 1 text feature'):
        able([walk, walk], text=np.ones((1, 4)))
    with pytest.raises(ValueError, match='3 text features for 1 clip'):
        able(walk, text=np.ones((3, 4)))
    with pytest.raises(ValueError, match=r'text features are \(N, D\)'):
        able(walk, text=np.ones(4))


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_real_export(utd, onnx_file, walk, backend):
    pytest.importorskip(backend)
    clips = [walk, walk + 1, walk[:, ::-1].copy()]
    theirs = MMCLInferencer(onnx_file, backend=backend, batch_size=2)(clips)
    for a, b in zip(theirs, MMCLInferencer(utd['published'])(clips), strict=True):
        largest = np.abs(b.pred_score).max()
        assert np.abs(a.pred_score - b.pred_score).max() <= 1e-4 * largest
        assert a.label_name == b.label_name


@pytest.fixture(scope='module')
def onnx_file(utd):
    """The small model as the export tool writes it."""
    for package in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package)
    from mmcl_ext.deployment.export import export

    return export(utd['config'], utd['checkpoint'], utd['root'] / 'utd.onnx', num_clips=2).path
