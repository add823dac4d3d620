"""A tiny data set on disk with everything that the shipped configurations ask for."""

from pathlib import Path

import cv2
import numpy as np

import mmcl_ext  # noqa: F401
from mmcl_ext.datasets.store import write_store
from mmcl_ext.graphs import get_layout

SPLITS = ('xsub', 'xview', 'xset')


def tiny_samples(num_samples=12, num_classes=3, layout='nturgb+d', seed=0, num_person=2):
    """Random walks around a class-dependent pose; every other sample has one person."""
    generator = np.random.default_rng(seed)
    joints = get_layout(layout).num_joints
    poses = generator.normal(size=(num_classes, joints, 3))
    for i in range(num_samples):
        persons = 1 + i % num_person
        steps = generator.normal(scale=0.05, size=(persons, 20 + i, joints, 3))
        keypoint = poses[i % num_classes] + np.cumsum(steps, axis=1)
        yield dict(name=f'sample{i:03d}', label=i % num_classes, keypoint=keypoint.astype('f4'))


def write_tiny_store(path, *, samples=None, num_train=8, layout='nturgb+d', **kwargs):
    """Write a store with the split names of NTU RGB+D; returns the sample names."""
    samples = list(tiny_samples(layout=layout, **kwargs)) if samples is None else list(samples)
    names = [sample['name'] for sample in samples]
    splits = {f'{s}_train': names[:num_train] for s in SPLITS}
    splits |= {f'{s}_val': names[num_train:] for s in SPLITS}
    classes = [f'class{i}' for i in range(max(s['label'] for s in samples) + 1)]
    write_store(path, samples, layout=layout, classes=classes, splits=splits)
    return names


def write_tiny_images(folder, names, size=(80, 96)):
    """Write one noisy JPEG per sample name."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(1)
    for name in names:
        image = generator.integers(0, 255, (*size, 3), dtype=np.uint8)
        cv2.imwrite(str(Path(folder) / f'{name}.jpg'), image)


def write_tiny_text(path, names, width=5):
    """Write one random text feature per sample name."""
    from mmcl_ext.mmcl import write_feature_file

    features = np.random.default_rng(2).normal(size=(len(names), width)).astype('f4')
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_feature_file(path, features, names, metadata=dict(source='random'))


def write_tiny_data(root):
    """Lay out store, images and texts the way the base configurations name them."""
    root = Path(root)
    for name in ('ntu60', 'ntu120'):
        store = root / 'data' / name / f'{name}.safetensors'
        store.parent.mkdir(parents=True, exist_ok=True)
        names = write_tiny_store(store)
        write_tiny_images(root / 'data' / name / 'composites', names)
        write_tiny_text(root / 'data' / name / 'text/hidden_states.safetensors', names)
    return names


FAST_OPTIONS = {
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'test_dataloader.num_workers': 0,
    'test_dataloader.persistent_workers': False,
    'train_dataloader.batch_size': 4,
    'val_dataloader.batch_size': 4,
    'test_dataloader.batch_size': 4,
    'model.backbone.num_stages': 2,
    'model.backbone.base_channels': 8,
    'model.backbone.inflate_stages': [2],
    'model.backbone.down_stages': [2],
}
"""Overrides that make any shipped configuration run in seconds."""
