import hashlib
import json
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch_file

from mmcl_ext.datasets.converters.pickle_file import export_pickle
from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.datasets.store.write_store import write_subset

MakeStore = Callable[..., Path]
Samples = list[dict[str, Any]]


def test_reads_what_was_written(store_path: Path, samples: Samples) -> None:
    store = SkeletonStore(store_path)
    assert len(store) == 12
    assert list(store.names) == [sample['name'] for sample in samples]
    assert (store.names[3], store.names[-1]) == (samples[3]['name'], samples[-1]['name'])
    assert store.names[2:4] == [samples[2]['name'], samples[3]['name']]
    assert store.labels.tolist() == [0, 1, 2] * 4
    assert store.num_persons.tolist() == [1, 2] * 6
    assert store.num_frames.tolist() == list(range(10, 22))
    assert store.layout == 'nturgb+d-ctrgcn'
    assert store.classes == ('wave', 'kick', 'sit')
    assert store.metadata == dict(source='generated')
    assert list(store.splits) == ['train', 'val', 'empty']
    assert store.splits['val'].tolist() == [11, 10, 9, 8]
    assert (store.num_joints, store.num_channels, store.dtype) == (25, 3, np.float32)
    for i, sample in enumerate(samples):
        np.testing.assert_array_equal(store.keypoint(i), sample['keypoint'])
    assert store.keypoint_score(0) is None


def test_keypoints_are_fresh_and_writable(store_path: Path) -> None:
    store = SkeletonStore(store_path)
    first = store.keypoint(0)
    before = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(store.keypoint(0), before)


def test_index_outside_is_refused(store_path: Path) -> None:
    store = SkeletonStore(store_path)
    np.testing.assert_array_equal(store.keypoint(-1), store.keypoint(11))
    np.testing.assert_array_equal(store.keypoint(-12), store.keypoint(0))
    for index in (12, -13):
        with pytest.raises(IndexError, match=f'sample {index} of 12'):
            store.keypoint(index)
    with pytest.raises(IndexError):
        store.names[12]


def test_float16_halves_the_file_and_reads_as_float32(make_store: MakeStore) -> None:
    full = SkeletonStore(make_store('full.safetensors'))
    half = SkeletonStore(make_store('half.safetensors', dtype='float16'))
    assert half.keypoint(5).dtype == np.float32
    np.testing.assert_array_equal(
        half.keypoint(5), full.keypoint(5).astype(np.float16).astype(np.float32)
    )
    values = int((full.num_persons * full.num_frames).sum()) * 75
    difference = full.path.stat().st_size - half.path.stat().st_size
    assert abs(difference - 2 * values) < 64


@pytest.mark.parametrize('dtype', ['float16', 'float32'])
def test_safetensors_library_reads_the_file(
    make_store: MakeStore, samples: Samples, dtype: str
) -> None:
    path = make_store(dtype=dtype, samples=iter(samples[:5]), splits={})
    rows = np.concatenate([sample['keypoint'].reshape(-1, 25, 3) for sample in samples[:5]])
    tensors = load_file(path)
    np.testing.assert_array_equal(tensors['keypoint'], rows.astype(dtype))
    assert tensors['label'].tolist() == [0, 1, 2, 0, 1]
    # torch views the mapped bytes, which needs aligned tables
    assert load_torch_file(path)['num_frames'].tolist() == [10, 11, 12, 13, 14]


def test_scores_are_kept(make_store: MakeStore, samples: Samples) -> None:
    rng = np.random.default_rng(1)
    for sample in samples:
        sample['keypoint_score'] = rng.random(sample['keypoint'].shape[:3], np.float32)
    store = SkeletonStore(make_store(samples=iter(samples)))
    for i, sample in enumerate(samples):
        np.testing.assert_array_equal(store.keypoint_score(i), sample['keypoint_score'])
        np.testing.assert_array_equal(store.keypoint(i), sample['keypoint'])


def test_split_is_looked_up_by_name(make_store: MakeStore, tmp_path: Path) -> None:
    """In a store as in the pickle of the same samples."""
    store = SkeletonStore(make_store(splits=dict(val=['clip_03_é', 'clip_01_é'], fit=[])))
    export_pickle(store.path, tmp_path / 'data.pkl')
    for source in (store, AnnotationPickle(tmp_path / 'data.pkl', store.layout)):
        assert sorted(source.split('val').tolist()) == [1, 3]
        assert source.split('fit').tolist() == []
        with pytest.raises(
            ValueError, match=r"data\.\w+ has no split 'v'; it has \['fit', 'val'\]"
        ):
            source.split('v')


def test_nonfinite_values_are_counted(make_store: MakeStore, samples: Samples) -> None:
    samples[4]['keypoint'][0, 3, 7] = np.nan
    samples[6]['keypoint'][0, 0, 0, 0] = np.inf
    store = SkeletonStore(make_store(samples=iter(samples)))
    assert store.num_nonfinite.tolist() == [0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0, 0]
    assert np.isnan(store.keypoint(4)[0, 3, 7]).all()


def _with(index: int, **fields: Any) -> Callable[[Samples], Samples]:
    def change(samples: Samples) -> Samples:
        return [s | fields if i == index else s for i, s in enumerate(samples)]

    return change


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (_with(3, name='clip_01_é'), r"sample 'clip_01_é': field 'name': taken already"),
        (_with(3, name=''), "field 'name': sample 3"),
        (_with(3, label=3), r"'clip_03_é': field 'label': 3 is outside the 3 classes"),
        (_with(3, label=-1), "field 'label': -1 is outside"),
        (_with(3, label=1.0), "field 'label': expected an integer, got 1.0"),
        (_with(3, keypoint=None), "field 'keypoint': expected numbers"),
        (_with(3, keypoint=np.zeros((1, 4, 17, 3))), r'\(V, C\) = \(25, 3\), got \(17, 3\)'),
        (_with(3, keypoint=np.zeros((1, 4, 25, 2))), r'\(25, 3\), got \(25, 2\)'),
        (_with(3, keypoint=np.zeros((1, 0, 25, 3))), r'empty, shape \(1, 0, 25, 3\)'),
        (_with(3, keypoint=np.zeros((0, 4, 25, 3))), 'empty'),
        (_with(3, keypoint=np.zeros((4, 25, 3))), r'\(M, T, V, C\), got float64 of \(4, 25, 3\)'),
        (_with(3, keypoint_score=np.zeros((2, 13, 25))), 'present in some samples'),
        (_with(0, keypoint_score=np.zeros((1, 9, 25))), r'shape \(1, 10, 25\), got .*1, 9, 25'),
        (lambda samples: [], 'no samples to write'),
    ],
)
def test_bad_samples_are_named(
    make_store: MakeStore, samples: Samples, tmp_path: Path, change: Callable, message: str
) -> None:
    with pytest.raises(ValueError, match=f'(?s)data.safetensors: .*{message}'):
        make_store(samples=iter(change(samples)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(splits=dict(val=['ghost'])), "split 'val' names the unknown sample 'ghost'"),
        (dict(splits=dict(val=['clip_01_é'] * 2)), "split 'val' names sample 'clip_01_é' twice"),
        (dict(layout='octopus'), 'octopus'),
        (dict(dtype='float64'), 'float64'),
    ],
)
def test_bad_arguments_are_named(
    make_store: MakeStore, tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_store(**changes)
    assert os.listdir(tmp_path) == []


def test_float16_overflow_is_refused(make_store: MakeStore, samples: Samples) -> None:
    samples[2]['keypoint'][0, 0, 0, 0] = 70000
    with pytest.raises(ValueError, match=r"'clip_02_é': field 'keypoint': 70000.0 is too large"):
        make_store(samples=iter(samples), dtype='float16')


def test_interrupted_writing_keeps_the_former_file(
    make_store: MakeStore, samples: Samples, tmp_path: Path
) -> None:
    def interrupted() -> Iterator[dict]:
        yield samples[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_store(samples=interrupted())
    assert os.listdir(tmp_path) == []
    path = make_store()
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        make_store(samples=interrupted())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_samples_are_taken_one_at_a_time(make_store: MakeStore, samples: Samples) -> None:
    """The writer never holds more than the sample it is at."""
    alive: list[int] = []

    class Tracked(dict):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    most = []

    def stream() -> Iterator[dict]:
        for sample in samples:
            yield Tracked(sample)
            most.append(len(alive))

    make_store(samples=stream())
    assert max(most) <= 2


def test_truncated_file_is_refused(store_path: Path) -> None:
    content = store_path.read_bytes()
    for length in (0, 5, 300, len(content) - 1):
        store_path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r'data\.safetensors.*cut short'):
            SkeletonStore(store_path)
    store_path.write_bytes(content + b'x')
    with pytest.raises(ValueError, match='damaged'):
        SkeletonStore(store_path)


@pytest.mark.parametrize(
    'content',
    [
        b'not a container at all',
        pickle.dumps([1, 2]),
        (20).to_bytes(8, 'little') + b'{"a":[1,2]}   ' * 3,
    ],
    ids=['text', 'pickle', 'json'],
)
def test_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'foreign.safetensors'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'foreign\.safetensors is not'):
        SkeletonStore(path)


def test_foreign_safetensors_and_missing_file(tmp_path: Path) -> None:
    path = tmp_path / 'weights.safetensors'
    save_file(dict(weight=np.zeros(3, np.float32)), path)
    with pytest.raises(ValueError, match='not a skeleton store'):
        SkeletonStore(path)
    with pytest.raises(FileNotFoundError, match=r'absent\.safetensors'):
        SkeletonStore(tmp_path / 'absent.safetensors')


def _rewrite(path: Path, tables: dict[str, np.ndarray], drop: tuple[str, ...] = ()) -> None:
    """Replace tables of a store by means of the safetensors library."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], 'little')
    metadata = json.loads(content[8 : 8 + size])['__metadata__']
    kept = {key: value for key, value in load_file(path).items() if key not in drop}
    save_file(kept | tables, path, metadata)


@pytest.mark.parametrize(
    ('tables', 'drop'),
    [
        ({'num_frames': np.full(12, 9)}, ()),
        ({'label': np.zeros(11, np.int64)}, ()),
        ({'split.val': np.array([12])}, ()),
        ({'name_end': np.arange(12)}, ()),
    ],
)
def test_contradicting_tables_are_refused(
    store_path: Path, tables: dict[str, np.ndarray], drop: tuple[str, ...]
) -> None:
    _rewrite(store_path, tables, drop)
    with pytest.raises(ValueError, match='contradict'):
        SkeletonStore(store_path)


def test_missing_table_and_later_version_are_refused(make_store: MakeStore) -> None:
    path = make_store()
    _rewrite(path, {}, drop=('label',))
    with pytest.raises(ValueError, match="whole skeleton store: 'label'"):
        SkeletonStore(path)
    path = make_store()
    # same length, so that the container stays sound
    path.write_bytes(path.read_bytes().replace(b'"format_version":"1"', b'"format_version":"7"'))
    with pytest.raises(ValueError, match='version 7'):
        SkeletonStore(path)


def test_file_rewritten_by_the_library_reads_the_same(store_path: Path) -> None:
    before = SkeletonStore(store_path)
    checksum = before.checksum()
    _rewrite(store_path, {})
    assert SkeletonStore(store_path).checksum() == checksum


def test_pickles_as_a_path(store_path: Path) -> None:
    store = SkeletonStore(store_path)
    pickled = pickle.dumps(store)
    assert len(pickled) < 400
    copy = pickle.loads(pickled)
    assert '_opened' not in vars(copy)
    np.testing.assert_array_equal(copy.keypoint(3), store.keypoint(3))


def test_forked_process_reads_correctly(store_path: Path, samples: Samples) -> None:
    """Parent and child share the descriptor; positioned reads do not disturb each other."""
    store = SkeletonStore(store_path)
    child = os.fork()
    if child == 0:  # pragma: no cover
        right = all(
            np.array_equal(store.keypoint(i), samples[i]['keypoint'])
            for _ in range(50)
            for i in range(12)
        )
        os._exit(0 if right else 1)
    for _ in range(50):
        for i in range(12):
            np.testing.assert_array_equal(store.keypoint(i), samples[i]['keypoint'])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_read_correctly(store_path: Path, samples: Samples) -> None:
    store = pickle.loads(pickle.dumps(SkeletonStore(store_path)))
    wrong = []

    def read(start: int) -> None:
        for step in range(200):
            i = (start + step * 5) % 12
            if not np.array_equal(store.keypoint(i), samples[i]['keypoint']):
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_checksum_is_the_hash_of_names_tables_and_rows(make_store: MakeStore) -> None:
    """Of all rows, which are read 65,536 at a time."""
    keypoint = (np.arange(65540 * 50) % 2000).astype(np.float16).reshape(1, 65540, 25, 2)
    samples = [dict(name='a', label=0, keypoint=keypoint)]
    path = make_store(samples=iter(samples), splits=dict(train=['a']), dtype='float16')
    described = ['nturgb+d-ctrgcn', ['wave', 'kick', 'sit'], '<f2']
    tables = np.array([0, 1, 65540, 0, 1, 0], np.int64)  # the last is the split
    parts = [json.dumps(described), json.dumps(['a']), tables, json.dumps(['train']), keypoint]
    content = [p.encode() if isinstance(p, str) else p.tobytes() for p in parts]
    assert SkeletonStore(path).checksum() == hashlib.sha256(b''.join(content)).hexdigest()


def test_checksum_follows_the_content(make_store: MakeStore, samples: Samples) -> None:
    checksum = SkeletonStore(make_store('a.safetensors')).checksum()
    same = make_store('b.safetensors', metadata=dict(made='later'))
    assert SkeletonStore(same).checksum() == checksum
    samples[7]['keypoint'][0, 0, 0, 0] += 1
    assert SkeletonStore(make_store('c.safetensors')).checksum() != checksum
    other_split = make_store('d.safetensors', splits=dict(train=[samples[0]['name']]))
    assert SkeletonStore(other_split).checksum() != checksum


def test_permissions_follow_the_umask(make_store: MakeStore) -> None:
    before = os.umask(0o022)
    try:
        assert make_store().stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


def test_opening_many_samples_is_quick(tmp_path: Path) -> None:
    """A fifth of NTU RGB+D 120: opening must not grow with the coordinates."""
    keypoint = np.zeros((1, 1, 25, 3), np.float16)
    number = 22_896
    samples = (
        dict(name=f'S001C001P001R001A{i:06d}', label=i % 120, keypoint=keypoint)
        for i in range(number)
    )
    splits = dict(train=[f'S001C001P001R001A{i:06d}' for i in range(0, number, 2)])
    path = tmp_path / 'many.safetensors'
    classes = [f'A{i + 1}' for i in range(120)]
    write_store(path, samples, layout='nturgb+d', classes=classes, splits=splits, dtype='float16')
    times = []
    for _ in range(5):
        start = time.perf_counter()
        store = SkeletonStore(path)
        times.append(time.perf_counter() - start)
    assert len(store) == number
    assert min(times) < 0.1


def test_a_subset_keeps_order_splits_and_what_is_said_of_each_sample(
    make_store: MakeStore, tmp_path: Path
) -> None:
    fields = dict(img_shape=[[480, 640]], take=list(range(12)))
    store = SkeletonStore(make_store(metadata=dict(annotation_fields=fields)))
    names = {store.names[i] for i in (9, 2, 5)}
    write_subset(store, tmp_path / 'subset', names)
    subset = SkeletonStore(tmp_path / 'subset')
    assert list(subset.names) == [store.names[i] for i in (2, 5, 9)]
    assert subset.labels.tolist() == [2, 2, 0]
    np.testing.assert_array_equal(subset.keypoint(1), store.keypoint(5))
    splits = {key: places.tolist() for key, places in subset.splits.items()}
    assert splits == dict(train=[0, 1], val=[2], empty=[])
    told = dict(img_shape=[[480, 640]], take=[2, 5, 9])
    assert subset.metadata['annotation_fields'] == told
    write_subset(SkeletonStore(make_store('plain')), tmp_path / 'other', names)
    assert 'annotation_fields' not in SkeletonStore(tmp_path / 'other').metadata
