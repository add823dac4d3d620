"""Toy recognizers with every train-only helper."""

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor
from toy_data import CLASSES, TEXT_WIDTH, batch, build, mmcl_cfg, skeleton_cfg

from mmcl_ext.mmcl import write_feature_file
from mmcl_ext.mmcl.helper import TrainingSet

KINDS = ('sentence', 'sentence', 'head', 'hand', 'hip', 'foot')
NAMES = [f's{i}' for i in range(8)]
CACHED = dict(image_encoder=None, fam=dict(type='FAM', in_channels=TEXT_WIDTH))


def write_helper_files(folder: Path, names: list[str], classes: int = CLASSES) -> None:
    """Write class texts and the scores of a teacher."""
    generator = torch.Generator().manual_seed(2)
    texts = torch.randn(classes, len(KINDS), 7, generator=generator).numpy()
    kinds = dict(kinds=json.dumps(KINDS))
    rows = [f'class{i}' for i in range(classes)]  # the classes of the tiny store
    write_feature_file(folder / 'texts.safetensors', texts, rows, kinds)
    scores = torch.randn(len(names), classes, generator=generator)
    dump = [
        dict(sample_name=name, pred_score=row, gt_label=torch.tensor([i % classes]))
        for i, (name, row) in enumerate(zip(names, scores, strict=True))
    ]
    (folder / 'scores.pkl').write_bytes(pickle.dumps(dump))


def helpers(folder: Path, frames: int = 12, joints: int = 25) -> dict[str, dict[str, Any]]:
    """Every helper but FAM and FRM, by what it is called here."""
    table = torch.rand(CLASSES, joints, generator=torch.Generator().manual_seed(3)).tolist()
    return dict(
        fr_head=dict(type='FRHead', num_frames=frames),
        prototypes=dict(type='TopologyPrototypes', num_prototypes=4),
        graph=dict(type='GraphContrast'),
        feature=dict(type='FeatureContrast', num_frames=frames),
        texts=dict(type='ClassTextAlignment', file=str(folder / 'texts.safetensors')),
        joints=dict(type='JointConstraint', table=table),
        scores=dict(type='ScoreDistillation', file=str(folder / 'scores.pkl')),
        uniformity=dict(type='Uniformity'),
    )


def model_with(parts: Any) -> Any:
    """A toy recognizer with a list of helpers, in float64, which knows its training set."""
    cfg = {**skeleton_cfg(), 'type': 'MMCLRecognizer', 'co_learning': parts}
    cfg['cls_head']['dropout'] = 0.0
    model = build(cfg).double()
    model.co_learning.prepare(TrainingSet(NAMES, [i % CLASSES for i in range(len(NAMES))]))
    return model.double().train()


def all_at_once(folder: Path) -> Any:
    return model_with(list(helpers(folder).values()))


def named_batch() -> dict[str, Any]:
    """Eight samples in float64; two of them have no second person."""
    data = batch(num=8, image=(TEXT_WIDTH,))
    samples: list[ActionDataSample] = data['data_samples']
    for name, sample in zip(NAMES, samples, strict=True):
        sample.set_metainfo(dict(sample_name=name))
    inputs: dict[str, Tensor] = {k: torch.stack(v).double() for k, v in data['inputs'].items()}
    inputs['keypoint'][2:4, :, 1] = 0
    return dict(inputs=inputs, data_samples=samples)


__all__ = ['CACHED', 'all_at_once', 'helpers', 'mmcl_cfg', 'model_with', 'named_batch']
