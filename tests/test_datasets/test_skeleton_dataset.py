import pickle
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, pseudo_collate
from torch.utils.data import DataLoader

from mmcl_ext.datasets import AnnotationPickle, RepeatDataset, SkeletonDataset, SkeletonStore
from mmcl_ext.datasets.converters.pickle_file import convert_pickle
from mmcl_ext.datasets.seeding import seeded
from mmcl_ext.registry import DATASETS

Samples = list[dict[str, Any]]

PACK = dict(
    type='PackActionInputs',
    collect_keys=('keypoint',),
    meta_keys=('sample_name', 'total_frames'),
)
TRAIN_PIPELINE = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=16, p_interval=(0.5, 1.0), min_length=8),
    dict(type='RandomRotation', theta=0.3),
    dict(type='SkeletonStream', stream='bone'),
    dict(type='FormatSkeleton', num_person=2),
    PACK,
]


def _draws(results: dict) -> dict[str, float]:
    """Stand in for a transform that uses all three generators."""
    return dict(
        item=results['sample_idx'],
        python=random.random(),
        numpy=np.random.rand(),
        torch=torch.rand(()).item(),
    )


def test_item_as_it_enters_the_pipeline(store_path: Path, samples: Samples) -> None:
    dataset = SkeletonDataset(str(store_path), 'val')
    assert len(dataset) == 4
    item = dataset[0]
    keypoint = item.pop('keypoint')
    np.testing.assert_array_equal(keypoint, samples[11]['keypoint'])
    assert keypoint.dtype == np.float32
    assert item == dict(
        label=2,
        sample_name='clip_11_é',
        total_frames=21,
        num_person=2,
        layout='nturgb+d-ctrgcn',
        sample_idx=0,
        modality='Pose',
        start_index=0,
    )
    assert dataset[-1]['sample_idx'] == 3
    assert dataset.sample_names == ['clip_11_é', 'clip_10_é', 'clip_09_é', 'clip_08_é']
    assert dataset.labels.tolist() == [2, 1, 0, 2]
    assert dataset.num_nonfinite.tolist() == [0] * 4
    assert dataset.metainfo == dict(classes=('wave', 'kick', 'sit'), layout='nturgb+d-ctrgcn')


def test_pipeline_packs_for_the_model(store_path: Path) -> None:
    dataset = DATASETS.build(
        dict(
            type='SkeletonDataset',
            ann_file=store_path.name,
            data_root=str(store_path.parent),
            split='train',
            pipeline=TRAIN_PIPELINE,
        )
    )
    batch = pseudo_collate([dataset[0], dataset[1]])
    assert [tuple(k.shape) for k in batch['inputs']['keypoint']] == [(1, 2, 16, 25, 3)] * 2
    assert batch['inputs']['keypoint'][0].dtype == torch.float32
    sample = batch['data_samples'][1]
    assert (sample.sample_name, sample.gt_label.item()) == ('clip_01_é', 1)


def test_mmaction_pipeline_runs_unchanged(store_path: Path) -> None:
    """MMAction2's own chain accepts what the data set gives."""
    pipeline = [
        dict(type='PreNormalize3D'),
        dict(type='GenSkeFeat', dataset='nturgb+d', feats=['b']),
        dict(type='UniformSampleFrames', clip_len=12),
        dict(type='PoseDecode'),
        dict(type='FormatGCNInput', num_person=2),
        PACK,
    ]
    item = SkeletonDataset(str(store_path), 'train', pipeline)[1]
    assert item['inputs']['keypoint'].shape == (1, 2, 12, 25, 3)


def test_missing_file_split_and_samples(store_path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'absent\.safetensors does not exist'):
        SkeletonDataset('absent.safetensors', 'train', data_root=str(tmp_path))
    with pytest.raises(ValueError, match=r"no split 'test'; it has \['empty', 'train', 'val'\]"):
        SkeletonDataset(str(store_path), 'test')
    with pytest.raises(ValueError, match=r"split 'empty' of .*data\.safetensors is empty"):
        SkeletonDataset(str(store_path), 'empty')
    assert len(SkeletonDataset(str(store_path), None)) == 12


def test_layout_can_be_replaced_by_one_that_fits(store_path: Path) -> None:
    dataset = SkeletonDataset(str(store_path), 'train', layout='nturgb+d')
    assert dataset[0]['layout'] == dataset.layout == 'nturgb+d'
    with pytest.raises(ValueError, match="25 joints, which do not fit the layout 'coco'"):
        SkeletonDataset(str(store_path), 'train', layout='coco')


def test_subsets(store_path: Path) -> None:
    names = SkeletonDataset(str(store_path), 'train').sample_names
    assert SkeletonDataset(str(store_path), 'train', indices=3).sample_names == names[:3]
    assert SkeletonDataset(str(store_path), 'train', indices=-2).sample_names == names[-2:]
    dataset = SkeletonDataset(str(store_path), 'train', indices=[4, 0])
    assert dataset.sample_names == [names[4], names[0]]
    subset = dataset.get_subset([1])
    assert (subset.sample_names, len(dataset)) == ([names[0]], 2)
    dataset.get_subset_(1)
    assert dataset.sample_names == [names[4]]


def test_lazy_init_opens_at_first_use(store_path: Path) -> None:
    dataset = SkeletonDataset(str(store_path), 'train', lazy_init=True)
    assert '_source' not in vars(dataset)
    dataset.full_init()
    assert len(dataset) == 8


def test_wrappers_of_mmengine(store_path: Path) -> None:
    parts = [SkeletonDataset(str(store_path), split) for split in ('train', 'val')]
    both = ConcatDataset(parts)
    assert (len(both), both[8]['sample_name']) == (12, 'clip_11_é')
    assert both.metainfo['classes'] == ('wave', 'kick', 'sit')
    balanced = ClassBalancedDataset(parts[1], oversample_thr=0.5)
    assert len(balanced) > len(parts[1])  # classes 0 and 1 are rare in the split


def test_draws_depend_on_seed_epoch_and_item_only(store_path: Path) -> None:
    dataset = SkeletonDataset(str(store_path), 'train', [_draws])
    dataset.set_epoch(epoch=3, seed=1)
    first = [dataset[i] for i in range(8)]
    random.seed(9), np.random.seed(9), torch.manual_seed(9)
    assert [dataset[i] for i in reversed(range(8))] == first[::-1]
    assert dataset[-1] == first[7]
    for key in ('python', 'numpy', 'torch'):
        assert len({item[key] for item in first}) == 8
    for epoch, seed in ((4, 1), (3, 2)):
        dataset.set_epoch(epoch, seed)
        others = [dataset[i] for i in range(8)]
        for key in ('python', 'numpy', 'torch'):
            assert not {item[key] for item in others} & {item[key] for item in first}


def test_test_mode_ignores_the_epoch(store_path: Path) -> None:
    dataset = SkeletonDataset(str(store_path), 'val', [_draws], test_mode=True)
    dataset.set_epoch(epoch=0, seed=1)
    first = dataset[2]
    dataset.set_epoch(epoch=7, seed=1)
    assert dataset[2] == first
    dataset.set_epoch(epoch=0, seed=2)
    assert dataset[2] != first


def test_generators_outside_do_not_notice(store_path: Path) -> None:
    def next_numbers() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(()).item()

    dataset = SkeletonDataset(str(store_path), 'train', [_draws])
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    undisturbed = [next_numbers(), next_numbers()]
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    disturbed = [next_numbers()]
    dataset[0]
    disturbed.append(next_numbers())
    assert disturbed == undisturbed


def test_generators_are_restored_after_an_error() -> None:
    np.random.seed(5)
    wanted = np.random.rand()
    np.random.seed(5)
    with pytest.raises(RuntimeError), seeded(1, 2, 3):
        raise RuntimeError
    assert np.random.rand() == wanted


def test_seeding_nests() -> None:
    with seeded(1, 0, 0):
        outer = [np.random.rand(), np.random.rand(), torch.rand(()).item()]
    with seeded(1, 0, 0):
        first = np.random.rand()
        with seeded(1, 0, 1):
            inner = np.random.rand()
        assert [first, np.random.rand(), torch.rand(()).item()] == outer
    assert inner not in outer


def test_seeding_is_cheap() -> None:
    times = []
    for _ in range(5):
        start = time.process_time()
        for index in range(200):
            with seeded(1, 2, index):
                pass
        times.append((time.process_time() - start) / 200)
    assert min(times) < 100e-6


@pytest.mark.parametrize('context', ['fork', 'spawn'])
def test_persistent_workers_see_the_epoch(store_path: Path, context: str) -> None:
    dataset = SkeletonDataset(str(store_path), 'train', TRAIN_PIPELINE)
    loader = DataLoader(
        dataset,
        batch_size=4,
        num_workers=2 if context == 'fork' else 1,
        persistent_workers=True,
        multiprocessing_context=context,
        collate_fn=pseudo_collate,
    )

    def one_pass() -> list[np.ndarray]:
        return [k.numpy().copy() for batch in loader for k in batch['inputs']['keypoint']]

    def here() -> list[np.ndarray]:
        return [dataset[i]['inputs']['keypoint'].numpy() for i in range(len(dataset))]

    for epoch in (0, 1):
        dataset.set_epoch(epoch, seed=3)
        from_workers = one_pass()
        np.testing.assert_array_equal(np.stack(from_workers), np.stack(here()))
    dataset.set_epoch(0, seed=3)
    assert not np.array_equal(np.stack(from_workers), np.stack(here()))


def test_pickled_dataset_is_small_and_equal(store_path: Path) -> None:
    dataset = SkeletonDataset(str(store_path), 'train', TRAIN_PIPELINE)
    dataset.set_epoch(2, 5)
    content = pickle.dumps(dataset)
    assert len(content) < 10_000
    copy = pickle.loads(content)
    wanted = dataset[3]['inputs']['keypoint']
    assert torch.equal(copy[3]['inputs']['keypoint'], wanted)


def test_repetitions_differ(store_path: Path) -> None:
    dataset = DATASETS.build(
        dict(
            type='RepeatDataset',
            times=3,
            dataset=SkeletonDataset(str(store_path), 'val', [_draws]),
        )
    )
    assert type(dataset) is RepeatDataset
    assert len(dataset) == 12
    items = [dataset[i] for i in (1, 5, 9)]
    assert [item['item'] for item in items] == [1, 1, 1]
    assert len({item['numpy'] for item in items}) == 3
    assert items[0] == dataset.dataset[1]
    assert dataset[-3] == items[2]
    with pytest.raises(IndexError):
        dataset[12]


def test_refused_items_are_replaced(store_path: Path) -> None:
    def even_only(results: dict) -> dict | None:
        return results if results['sample_idx'] % 2 == 0 else None

    dataset = SkeletonDataset(str(store_path), 'train', [even_only])
    assert dataset[1]['sample_idx'] % 2 == 0
    repeated = RepeatDataset(dataset, times=2)
    assert repeated[9]['sample_idx'] % 2 == 0


@pytest.fixture
def pickle_path(tmp_path: Path, samples: Samples) -> Path:
    """The samples in the layout of PYSKL."""
    annotations = [
        dict(
            frame_dir=sample['name'],
            label=sample['label'],
            keypoint=sample['keypoint'].astype(np.float16),
            total_frames=sample['keypoint'].shape[1],
            img_shape=(1080, 1920),
        )
        for sample in samples
    ]
    split = dict(xsub_train=[s['name'] for s in samples[:8]], xsub_val=[samples[9]['name']])
    path = tmp_path / 'ntu.pkl'
    path.write_bytes(pickle.dumps(dict(split=split, annotations=annotations)))
    return path


def test_pickle_of_pyskl(pickle_path: Path, samples: Samples) -> None:
    dataset = SkeletonDataset(str(pickle_path), 'xsub_val')
    item = dataset[0]
    wanted = samples[9]['keypoint'].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(item['keypoint'], wanted)
    assert item['keypoint'].dtype == np.float32
    assert (item['layout'], item['img_shape'], item['label']) == ('nturgb+d', (1080, 1920), 0)
    item['keypoint'][:] = 0
    np.testing.assert_array_equal(dataset[0]['keypoint'], wanted)
    with pytest.raises(ValueError, match=r"no split 'val'; it has \['xsub_train', 'xsub_val'\]"):
        SkeletonDataset(str(pickle_path), 'val')


def test_pickle_agrees_with_mmaction(pickle_path: Path) -> None:
    """Same samples, order and numbers as MMAction2's data set behind PoseDecode."""
    from mmaction.datasets import PoseDataset

    decode = [dict(type='PoseDecode')]
    ours = SkeletonDataset(str(pickle_path), 'xsub_train', decode, layout='nturgb+d-ctrgcn')
    theirs = PoseDataset(str(pickle_path), decode, split='xsub_train')
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a['sample_name'], a['label']) == (b['frame_dir'], b['label'])
        np.testing.assert_array_equal(a['keypoint'], b['keypoint'])


def _annotation(**changes: Any) -> dict:
    content = dict(frame_dir='a', label=0, keypoint=np.zeros((1, 5, 17, 2)), total_frames=5) | dict(
        keypoint_score=np.ones((1, 5, 17))
    )
    return content | changes


def test_pickle_with_scores(tmp_path: Path) -> None:
    path = tmp_path / 'list.pkl'
    path.write_bytes(pickle.dumps([_annotation()]))
    item = SkeletonDataset(str(path), None)[0]
    assert item['layout'] == 'coco'
    np.testing.assert_array_equal(item['keypoint_score'], np.ones((1, 5, 17), np.float32))
    assert item['keypoint_score'].dtype == np.float32


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([_annotation(keypoint=np.zeros((17, 2)))], "sample 'a': field 'keypoint'"),
        ([_annotation(keypoint=np.zeros((1, 5, 17, 2), 'c8'))], "'keypoint': expected numbers"),
        ([_annotation(keypoint=np.zeros((1, 5, 17, 2)).astype(str).tolist())], "'keypoint'"),
        ([_annotation(keypoint=[[[[0, 0]], [[0]]]])], "sample 'a': field 'keypoint'"),
        ([_annotation(total_frames=6)], "'total_frames': 6, but keypoint has 5 frames"),
        ([_annotation(keypoint=np.zeros((1, 0, 17, 2)))], "field 'keypoint'"),
        (
            [_annotation(), _annotation(keypoint=np.zeros((1, 5, 18, 2)), keypoint_score=None)],
            '18 joints do not fit',
        ),
        ([_annotation(keypoint=np.zeros((1, 5, 7, 2)), keypoint_score=None)], 'V = 7 is not known'),
        ([_annotation(keypoint_score=np.zeros((1, 4, 17)))], "field 'keypoint_score'"),
        (
            [_annotation(label='kick')],
            "field 'label': expected an integer from 0 to .*, got 'kick'",
        ),
        ([_annotation(label=10**12)], "field 'label': expected an integer from 0 to .*, got 10+"),
        ([_annotation(frame_dir=None)], "annotation 0: field 'frame_dir'"),
        ([3], 'annotation 0 is a int'),
        ([], 'holds no annotations'),
        (dict(annotations=[]), "expected a dict with 'split' and 'annotations'"),
        (dict(split=dict(x=['b']), annotations=[_annotation()]), "names the unknown sample 'b'"),
    ],
)
def test_bad_pickles_are_named(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / 'bad.pkl'
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=rf'bad\.pkl.*{message}'):
        SkeletonDataset(str(path), None)


def test_real_pickle_without_coordinates_is_named(shared: Path) -> None:
    """MMAction2's Kinetics sample keeps its coordinates in further files."""
    path = shared / 'datasets' / 'mmaction2_samples' / 'sample.pkl'
    message = r"sample\.pkl: sample 'jf7RDuUTrsQ': field 'keypoint': .* has no coordinates"
    for layout in ('coco', None):
        with pytest.raises(ValueError, match=message):
            SkeletonDataset(str(path), 'train', layout=layout)


def test_pickle_converts_to_a_store(pickle_path: Path, tmp_path: Path) -> None:
    source = AnnotationPickle(pickle_path)
    target = tmp_path / 'converted.safetensors'
    convert_pickle(pickle_path, target, classes=('wave', 'kick', 'sit'), progress=False)
    store = SkeletonStore(target)
    assert list(store.names) == list(source.names)
    assert {key: value.tolist() for key, value in store.splits.items()} == {
        key: value.tolist() for key, value in source.splits.items()
    }
    for i in range(len(source)):
        np.testing.assert_array_equal(store.keypoint(i), source.keypoint(i))


def test_numbers_that_are_not_finite_are_counted(make_store: Callable, samples: Samples) -> None:
    samples[1]['keypoint'][0, 0, 0, 0] = np.nan
    dataset = SkeletonDataset(str(make_store(samples=iter(samples))), 'train')
    assert dataset.num_nonfinite.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize('wrapper', ['RepeatDataset', 'ConcatDataset', 'ClassBalancedDataset'])
def test_wrappers_build_from_configs(store_path: Path, wrapper: str) -> None:
    inner = dict(type='SkeletonDataset', ann_file=str(store_path), split='val')
    config = dict(
        RepeatDataset=dict(dataset=inner, times=2),
        ConcatDataset=dict(datasets=[inner, inner]),
        ClassBalancedDataset=dict(dataset=inner, oversample_thr=0.1),
    )[wrapper]
    dataset = DATASETS.build(dict(type=wrapper) | config)
    assert dataset[len(dataset) - 1]['layout'] == 'nturgb+d-ctrgcn'
