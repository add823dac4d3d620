"""The ablations of train-only helpers fit their data: every variant makes a step."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope

from mmcl_ext.ablation.declaration import load_ablation
from mmcl_ext.ablation.run import training_config
from mmcl_ext.analysis.complexity import clip_shape
from mmcl_ext.mmcl import write_feature_file
from mmcl_ext.mmcl.helper import TrainingSet
from mmcl_ext.registry import MODELS

NAMES = ['a', 'b', 'c']
KINDS = ('sentence', 'head', 'hand', 'hip', 'foot')


@pytest.mark.parametrize('data', ['nwucla', 'utdmhad'])
def test_every_helper_takes_a_step_on_clips_of_its_data(
    repo: Path, tmp_path: Path, data: str
) -> None:
    seen = set()
    for variant in load_ablation(repo / f'configs/ablations/helpers_{data}.py').variants:
        if not variant.name.startswith('ctrgcn') or variant.name.endswith('plain'):
            continue
        cfg = training_config(variant, 1)
        classes = [f'c{i}' for i in range(cfg.model.cls_head.num_classes)]
        kinds = dict(kinds=json.dumps(KINDS))
        texts, table, scores = (tmp_path / name for name in ('texts', 'table', 'scores.pkl'))
        write_feature_file(texts, torch.rand(len(classes), 5, 4).numpy(), classes, kinds)
        write_feature_file(table, torch.rand(len(classes), 20).numpy(), classes)
        dump = [
            dict(sample_name=name, pred_score=torch.rand(len(classes)), gt_label=torch.tensor([0]))
            for name in NAMES
        ]
        scores.write_bytes(pickle.dumps(dump))
        files = dict(ClassTextAlignment=('file', texts), JointConstraint=('table', table))
        files |= dict(ScoreDistillation=('file', scores))
        for helper in cfg.model.co_learning.helpers:
            seen.add(helper.type)
            if helper.type in files:
                key, file = files[helper.type]
                helper[key] = str(file)
        cfg.model.backbone.base_channels = 8
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            model = MODELS.build(cfg.model).train()
        model.co_learning.prepare(TrainingSet(NAMES, [0, 0, 1]))
        shape = clip_shape(cfg, model)
        samples = [ActionDataSample().set_gt_label(label) for label in (0, 0, 1)]
        for name, sample in zip(NAMES, samples, strict=True):
            sample.set_metainfo(dict(sample_name=name))
        clips = dict(keypoint=torch.randn(3, 1, *shape[1:]))
        terms = model(clips, samples, mode='loss')
        added = [key for key in terms if 'loss' in key and key != 'loss_cls']
        assert len(added) == len(cfg.model.co_learning.helpers)
        assert all(terms[key].isfinite() for key in added)
    assert len(seen) == 7
