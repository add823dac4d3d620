"""Small inputs of every kind that a tool reads, in one folder."""

import pickle
from pathlib import Path

import numpy as np
from inference_models import UTD, write_checkpoint, write_config
from tiny_data import tiny_samples, write_tiny_images

from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.datasets.store import write_store
from mmcl_ext.datasets.store.feature_file import write_feature_file

CONFIGS = UTD.parents[1]


def write_tool_inputs(root: Path) -> Path:
    """Write store, pickle, clips, images, scores, features, checkpoint and configurations."""
    store = root / 'store.safetensors'
    samples = list(tiny_samples(layout='kinect_v1'))
    names = [sample['name'] for sample in samples]
    splits = dict(xsub_train=names[:8], xsub_test=names[8:])
    write_store(store, samples, layout='kinect_v1', classes=UTDMHAD_CLASSES, splits=splits)
    write_tiny_images(root / 'images', names)
    write_checkpoint(root / 'epoch_1.pth', UTD, UTDMHAD_CLASSES, 'kinect_v1')
    write_config(root / 'utd.py', UTD, store)
    clips = root / 'clips'
    clips.mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        np.save(clips / f'c{number}.npy', generator.normal(size=(1, 200, 20, 3)).astype('f4'))
    (clips / 'labels.csv').write_text('name,label\nc0,a\nc1,b\nc2,a\n')
    text = (CONFIGS / 'preparation/boxes_utdmhad_depth.py').read_text()
    (root / 'boxes.py').write_text(text)
    annotations = [
        dict(
            frame_dir=s['name'],
            label=s['label'],
            keypoint=s['keypoint'],
            total_frames=s['keypoint'].shape[1],
        )
        for s in samples
    ]
    (root / 'a.pkl').write_bytes(pickle.dumps(dict(split=splits, annotations=annotations)))
    for stream in 'jb':
        scores = [
            dict(pred_score=row, gt_label=s['label'], sample_name=s['name'])
            for row, s in zip(generator.normal(size=(12, 27)), samples, strict=True)
        ]
        (root / f'{stream}.pkl').write_bytes(pickle.dumps(scores))
    features = generator.normal(size=(len(names), 5)).astype('f4')
    write_feature_file(root / 'features.safetensors', features, names)
    return root
