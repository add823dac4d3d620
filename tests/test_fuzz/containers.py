"""Readers of our own containers, and small files for them."""

from pathlib import Path

import numpy as np
from mutation import mutate_container

from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.box_file import BoxFile, SampleBoxes, write_box_file
from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.graphs import layouts

NAMES = ['a', 'clip_é', 'S001C001P001R001A001', 'S001C001P001R001A002']


def read_store(path: Path) -> None:
    store = SkeletonStore(path)
    for i in range(len(store)):
        store.keypoint(i)
        store.keypoint_score(i)
    for name in store.splits:
        store.labels[store.split(name)]
    assert len(set(store.names)) == len(store)
    assert store.labels.max() < len(store.classes)
    layouts.get_layout(store.layout)
    store.checksum()
    dict(store.metadata)


def read_features(path: Path) -> None:
    file = FeatureFile(path)
    assert len(set(file.names)) == len(file) == file.shape[0]
    for name in file.names:
        assert file.read(name).size == file.width
    dict(file.metadata)


def read_boxes(path: Path) -> None:
    file = BoxFile(path)
    for name in file.names:
        boxes, found = file.read(name)
        assert len(boxes) == len(found) == len(file.frame_numbers(name))
        assert file.frame_numbers(name)[-1] < file.num_frames(name)
        assert min(file.image_size(name)) > 0
    file.count()


def store_seeds(folder: Path) -> list[bytes]:
    """With and without scores; of a layout that only the file knows."""
    path, rng, seeds = folder / 'seed', np.random.default_rng(0), []
    known = dict(layouts._LAYOUTS)
    description = dict(name='own', num_node=3, edges=[[1, 0], [2, 1]], center=0, pairs=[[1, 2]])
    layouts.register_layout(description)
    for layout, num_joints, scores in (('coco', 17, True), ('own', 3, False)):
        samples = [
            dict(name=name, label=i % 2, keypoint=rng.normal(size=(1 + i % 2, 2, num_joints, 2)))
            for i, name in enumerate(NAMES)
        ]
        for sample in samples if scores else ():
            sample['keypoint_score'] = np.ones(sample['keypoint'].shape[:3])
        splits = dict(train=NAMES[:3], val=NAMES[:0:-1], empty=[])
        arguments = dict(layout=layout, classes=['sit', 'wave'], splits=splits, dtype='float16')
        write_store(path, samples, metadata=dict(source=[1, None]), **arguments)
        seeds.append(path.read_bytes())
    layouts._LAYOUTS.clear()
    layouts._LAYOUTS.update(known)
    return seeds


def feature_seeds(folder: Path) -> list[bytes]:
    seeds = []
    for dtype in ('f2', 'f4', 'i8'):
        values = np.arange(1, 17).reshape(4, 2, 2).astype(dtype)
        write_feature_file(folder / 'seed', values, NAMES, {'model': 'blip', 'prompt': 'held?'})
        seeds.append((folder / 'seed').read_bytes())
    return seeds


def box_seeds(folder: Path) -> list[bytes]:
    samples = {
        name: SampleBoxes(
            boxes=np.array([[0, 1, 4, 5], [1, 1, 2, 3.5]])[: 1 + i % 2],
            found=np.array([True, False])[: 1 + i % 2],
            frame_numbers=np.array([3, 5])[: 1 + i % 2],
            num_frames=9,
            image_size=(640, 480),
        )
        for i, name in enumerate(NAMES)
    }
    write_box_file(folder / 'seed', samples, {'source': 'by hand'})
    return [(folder / 'seed').read_bytes()]


TARGETS = {
    'store': ('store.safetensors', read_store, store_seeds, mutate_container),
    'features': ('features.safetensors', read_features, feature_seeds, mutate_container),
    'boxes': ('boxes.safetensors', read_boxes, box_seeds, mutate_container),
}
"""Reader, maker of seeds and mutation by the name of a file without its ending."""
