"""Trained on 25 joints with texts, tested on 20 joints of another data set, as a user does it."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_data import FAST_OPTIONS, tiny_samples, write_tiny_data, write_tiny_text

from mmcl_ext.apis import load_config, test_model, train_model
from mmcl_ext.config.options import add_dump
from mmcl_ext.datasets.class_map import class_names
from mmcl_ext.datasets.store import write_store

REPO = Path(__file__).resolve().parents[2]
SOURCE = REPO / 'configs/mmcl/ctrgcn_hdgraph_ntu120.py'
TARGET = REPO / 'configs/zero_shot/ctrgcn_hdgraph_ntu120_to_utdmhad.py'
FINETUNE = REPO / 'configs/zero_shot/ctrgcn_hdgraph_ntu120_finetune_utdmhad.py'
ACTIONS = (2, 5, 6, 23, 24, 26)  # of UTD-MHAD, 0-based, that the authors test
TEXT = 'data/utdmhad/text/hidden_states.safetensors'


def write_target(folder):
    """Two samples of every class of UTD-MHAD, with texts of those that are tested."""
    folder.mkdir(parents=True)
    samples = list(tiny_samples(54, num_classes=27, layout='kinect_v1', num_person=1))
    names = [sample['name'] for sample in samples]
    splits = dict(xsub_train=names[:27], xsub_test=names[27:])
    write_store(
        folder / 'utdmhad.safetensors',
        samples,
        layout='kinect_v1',
        classes=class_names('utdmhad'),
        splits=splits,
    )
    tested = [s['name'] for s in samples if s['label'] in ACTIONS]
    write_tiny_text(folder / 'text/hidden_states.safetensors', tested)


def configure(path, work_dir, **options):
    cfg = load_config(path, FAST_OPTIONS | options)
    cfg.work_dir, cfg.launcher = str(work_dir), 'none'
    cfg.experiment_name = f'{Path(work_dir).name}_{len(options)}'
    return cfg


def run_test(root, name, checkpoint, path=TARGET, **options):
    """Return the metrics and the dumped samples."""
    cfg = configure(path, root / name, **options)
    add_dump(cfg, str(root / f'{name}.pkl'))
    metrics = test_model(cfg, str(checkpoint))
    return metrics, pickle.loads((root / f'{name}.pkl').read_bytes())


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('transfer')
    write_tiny_data(root)
    write_target(root / 'data/utdmhad')
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


@pytest.fixture(scope='module')
def trained(root):
    """One epoch with refinement alone; the two maps of the FRM are then pulled apart."""
    options = {'train_cfg.max_epochs': 1, 'model.co_learning.image_encoder': None,
               'model.co_learning.fam': None, 'val_cfg': None, 'val_dataloader': None,
               'val_evaluator': None}  # fmt: skip
    train_model(configure(SOURCE, root / 'source', **options))
    path = root / 'source/epoch_1.pth'
    checkpoint = torch.load(path, weights_only=False)
    generator = torch.Generator().manual_seed(0)
    matrices = checkpoint['state_dict']['co_learning.frm.matrices']
    matrices += torch.randn(matrices.shape, generator=generator)
    torch.save(checkpoint, path)
    return path


@pytest.fixture(scope='module')
def plain(root, trained):
    """The ordinary test, while the target's and the source's texts are away."""
    texts = [root / TEXT, root / 'data/ntu120/text/hidden_states.safetensors']
    for file in texts:
        file.rename(file.with_suffix('.away'))
    try:
        return run_test(root, 'plain', trained)
    finally:
        for file in texts:
            file.with_suffix('.away').rename(file)


def test_ordinary_path_reads_skeletons_alone(plain, root, trained):
    metrics, samples = plain
    assert len(samples) == 12
    assert metrics['zero_shot/samples'] == 12
    assert metrics['zero_shot/classes'] == 6
    assert metrics['zero_shot/excluded_samples'] == 54 - 12
    assert metrics['zero_shot/top1_chance'] == pytest.approx(1 / 6)
    assert metrics['zero_shot/source_top5_chance'] == pytest.approx(5 / 120)
    assert {s['target_label'] for s in samples} == set(ACTIONS)
    stripped, others = run_test(root, 'stripped', trained.with_name('epoch_1_skeleton.pth'))
    assert stripped == metrics
    assert all(torch.equal(a['pred_score'], b['pred_score'])
               for a, b in zip(samples, others, strict=True))  # fmt: skip


def test_metrics_are_those_of_the_dump(plain):
    metrics, samples = plain
    scores = np.stack([s['pred_score'].numpy() for s in samples])
    labels = np.array([s['gt_label'].item() for s in samples])
    mapped = np.unique(labels)
    assert mapped.tolist() == [7, 8, 22, 62, 79, 95]
    guesses = mapped[scores[:, mapped].argmax(axis=1)]
    assert metrics['zero_shot/top1'] == pytest.approx((guesses == labels).mean())
    assert metrics['zero_shot/source_top1'] == pytest.approx((scores.argmax(1) == labels).mean())


def refined_by_hand(samples, checkpoint, file):
    """Eq. 7-8 from the weights in the checkpoint and the rows of the file."""
    from mmcl_ext.mmcl import FeatureFile

    state = torch.load(checkpoint, weights_only=False)['state_dict']
    frm = {k.removeprefix('co_learning.frm.'): v for k, v in state.items() if '.frm.' in k}
    features = FeatureFile(file)
    result = []
    for sample in samples:
        text = torch.from_numpy(features.read(sample['sample_name']))
        hidden = (frm['gate.0.weight'] @ text + frm['gate.0.bias']).clamp(min=0)
        weights = (frm['gate.2.weight'] @ hidden + frm['gate.2.bias']).softmax(0)
        matrices = frm['matrices']
        score = sample['pred_score']
        result.append(weights[0] * matrices[0] * score + weights[1] * matrices[1] * score)
    return torch.stack(result)


def test_refined_scores_follow_the_equation(plain, root, trained):
    expected = refined_by_hand(plain[1], trained, root / TEXT)
    logits = torch.stack([s['pred_score'] for s in plain[1]])
    assert not torch.allclose(expected, logits, atol=0.05)
    for mode, scores in (('replace', expected), ('add', logits + expected)):
        metrics, samples = run_test(root, mode, trained, text_refinement=mode)
        found = torch.stack([s['pred_score'] for s in samples])
        torch.testing.assert_close(found, scores, atol=1e-5, rtol=1e-4)
        assert metrics['zero_shot/samples'] == 12


def test_clips_of_a_sample_share_its_text(root):
    from mmengine.registry import init_default_scope

    from mmcl_ext.registry import MODELS

    init_default_scope('mmcl_ext')
    frm = dict(type='FRM', text_channels=5)
    head = dict(type='GCNHead', num_classes=4)
    backbone = configure(SOURCE, root / 'x').model.backbone
    branch = dict(type='CoLearning', frm=frm)
    model = MODELS.build(
        dict(type='MMCLRecognizer', backbone=backbone, cls_head=head, co_learning=branch,
             text_refinement='replace')
    ).eval()  # fmt: skip
    from mmaction.structures import ActionDataSample

    model.co_learning.frm.matrices.data.normal_()
    keypoint, text = torch.randn(2, 3, 2, 16, 25, 3), torch.randn(2, 5)
    samples = [ActionDataSample() for _ in range(2)]
    with torch.no_grad():
        found = model(dict(keypoint=keypoint, text=text), samples, mode='predict')
        logits = model(dict(keypoint=keypoint)).view(2, 3, 4)
        for i in range(2):
            refined = model.refine(logits[i], text[i].expand(3, -1)).mean(dim=0)
            torch.testing.assert_close(found[i].pred_score, refined)
        with pytest.raises(ValueError, match="'text' among the inputs"):
            model(dict(keypoint=keypoint), samples, mode='predict')


def test_incomplete_refinement_stops(root, trained):
    stripped = trained.with_name('epoch_1_skeleton.pth')
    with pytest.raises(ValueError, match=r"'co_learning\.frm\.matrices' is missing"):
        run_test(root, 'a', stripped, text_refinement='replace')
    with pytest.raises(ValueError, match="text_refinement is 'sum'"):
        run_test(root, 'b', trained, text_refinement='sum')
    with pytest.raises(ValueError, match='frm=None'):
        run_test(root, 'c', trained, text_refinement='add', **{'model.co_learning.frm': None})
    with pytest.raises(ValueError, match='needs text_file'):
        run_test(root, 'd', trained, text_refinement='add', test_text_file=None, text_file=None)
    other = 'data/ntu120/text/hidden_states.safetensors'  # up to sample011
    with pytest.raises(ValueError, match='missing for 9 of 12 test samples: sample023'):
        run_test(root, 'e', trained, text_refinement='add', test_text_file=other)
    names = [f'sample{i:03d}' for i in range(54)]
    write_tiny_text(root / 'wide.safetensors', names, width=6)
    with pytest.raises(ValueError, match="weight' has shape"):
        run_test(
            root, 'f', trained, text_refinement='add', test_text_file=str(root / 'wide.safetensors')
        )
    skeleton = REPO / 'configs/skeleton/ctrgcn_hdgraph_ntu120.py'
    with pytest.raises(ValueError, match='needs a model with a refinement module'):
        run_test(root, 'g', trained, skeleton, text_refinement='replace')


def test_fine_tuning_goes_on_and_is_tested(root, trained):
    options = {'train_cfg.max_epochs': 1, 'model.source': str(trained), 'model.frozen': True,
               'train_cfg.val_interval': 1}  # fmt: skip
    train_model(configure(FINETUNE, root / 'tuned', **options))
    tuned = torch.load(root / 'tuned/epoch_1.pth', weights_only=False)['state_dict']
    source = torch.load(trained, weights_only=False)['state_dict']
    backbone = [key for key in tuned if key.startswith('backbone.')]
    assert backbone
    assert all(torch.equal(tuned[key], source[key]) for key in backbone)
    assert tuned['cls_head.fc.weight'].shape[0] == 27
    metrics, samples = run_test(root, 'tuned_test', root / 'tuned/epoch_1.pth', FINETUNE)
    assert len(samples) == 27
    assert 'acc/top1' in metrics


def test_the_tool_tells_what_is_wrong(root, trained):
    options = [f'{key}={value}'.replace(' ', '') for key, value in FAST_OPTIONS.items()]
    command = [sys.executable, REPO / 'tools/test.py', TARGET, trained, '--work-dir', 'tool']
    result = subprocess.run(
        [*command, '--cfg-options', *options, 'test_dataloader.dataset.source_classes=ntu60'],
        cwd=root, capture_output=True, text=True, timeout=120,
        env=os.environ | dict(OMP_NUM_THREADS='1'),
    )  # fmt: skip
    assert result.returncode != 0
    assert "error: class map: 'cross arms' is no class of the source" in result.stderr.replace(
        'ValueError', 'error'
    )
