"""Clips to pick from, and clips that somebody uploads."""

import json
import os
import pickle
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.inference import read_clips
from mmcl_ext.inference.read_clips import ClipDefaults
from mmcl_ext.web import uploads
from mmcl_ext.web.clip_library import ClipLibrary
from mmcl_ext.web.uploads import check_matlab_size, take_upload

MIB = 2**20


# Stores and folders


def test_store_by_split_and_class(library, clips):
    source = library['clips']
    assert library.titles == ['clips']
    assert source.splits() == ['xsub_test', 'xsub_train', 'all']
    assert source.classes('xsub_train') == ['wave', 'clap']
    assert source.classes('xsub_test') == ['wave', 'clap', '<b>jump</b>']
    assert source.names('xsub_test', '<b>jump</b>') == ['s2', 's5']
    assert source.names('all', 'wave') == ['s0', 's3']
    picked = library.pick('clips', 's5')
    assert (picked.clip.name, picked.clip.label, picked.class_name) == ('s5', 2, '<b>jump</b>')
    assert picked.clip.keypoint.shape == (1, 35, 20, 3)


def test_store_stays_open(clips, tmp_path):
    """Picks are those of the opened file, also from many threads and when the file is gone."""
    path = tmp_path / 'copied.safetensors'
    path.write_bytes(clips['store'].read_bytes())
    library = ClipLibrary([path])
    path.unlink()
    names = [f's{i % 6}' for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        picked = list(pool.map(lambda name: library.pick('copied', name).clip, names))
    store = SkeletonStore(clips['store'])
    assert [clip.name for clip in picked] == names
    for clip in picked:
        i = store.names.index(clip.name)
        assert np.array_equal(clip.keypoint, store.keypoint(i))
        assert clip.label == store.labels[i]


def test_composite_where_there_is_one(library):
    image = library.pick('clips', 's2').composite
    assert image.shape == (480, 480, 3)
    red, green, blue = image.mean(axis=(0, 1))
    assert red > 190
    assert green < 10
    assert blue < 10
    assert library.pick('clips', 's3').composite is None


def test_damaged_composite_is_named(clips, tmp_path):
    (tmp_path / 's3.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r's3\.jpg cannot be decoded'):
        ClipLibrary([clips['store']], tmp_path).pick('clips', 's3')


def test_names_from_a_browser_are_checked(library):
    for call in (
        lambda: library.pick('clips', 'xsub_test'),
        lambda: library.pick('clips', '../s2'),
        lambda: library.pick('other', 's2'),
        lambda: library['clips'].classes('nothing'),
        lambda: library['clips'].names('all', 'nothing'),
    ):
        with pytest.raises(ValueError, match=r'no sample|no source|no split|no class'):
            call()


def test_unknown_split_is_named_without_the_folder_of_the_store(library):
    with pytest.raises(
        ValueError, match=r"^clips has no split 'dev'; it has \['xsub_test', 'xsub_train'\]$"
    ):
        library['clips'].classes('dev')


def test_folder_of_files(tmp_path, walk):
    folder = tmp_path / 'mine'
    (folder / 'deep').mkdir(parents=True)
    np.save(folder / 'deep' / 'walk.npy', walk)
    np.save(folder / 'again.npy', walk)
    (folder / 'notes.txt').write_text('not a clip')
    library = ClipLibrary([folder, folder], defaults=ClipDefaults('kinect_v1'))
    assert library.titles == ['mine', 'mine (2)']
    source = library['mine']
    assert (source.splits(), source.classes('')) == ([], [])
    assert source.names('', '') == ['again.npy', 'deep/walk.npy']
    picked = library.pick('mine', 'deep/walk.npy')
    assert np.array_equal(picked.clip.keypoint, walk)
    assert picked.class_name is None
    with pytest.raises(ValueError, match='no file'):
        library.pick('mine', '../outside.npy')


def test_wrong_sources_are_named(clips, tmp_path):
    with pytest.raises(FileNotFoundError, match='no store or folder'):
        ClipLibrary([tmp_path / 'missing'])
    with pytest.raises(FileNotFoundError, match='composites'):
        ClipLibrary([clips['store']], tmp_path / 'missing')
    with pytest.raises(ValueError, match='no file in'):
        ClipLibrary([tmp_path])
    (tmp_path / 'file.txt').write_text('x')
    with pytest.raises(ValueError, match='stores and folders'):
        ClipLibrary([tmp_path / 'file.txt'])


# Uploads


def test_uploads_of_every_kind(tmp_path, walk, clips):
    np.save(tmp_path / 'a.npy', walk)
    rows = [
        f'{t},{v},{x},{y},{z}' for t, frame in enumerate(walk[0]) for v, (x, y, z) in
        enumerate(frame)
    ]  # fmt: skip
    (tmp_path / 'b.csv').write_text('\n'.join(['frame,joint,x,y,z', *rows]))
    savemat(tmp_path / 'c_skeleton.mat', dict(d_skel=walk[0].transpose(1, 2, 0)))
    (tmp_path / 'd.json').write_text(json.dumps(dict(skeletons=walk[0].tolist())))
    annotation = dict(frame_dir='e', keypoint=walk, total_frames=30, label=1)
    (tmp_path / 'e.pkl').write_bytes(pickle.dumps([annotation] * 3))
    (tmp_path / 'f.safetensors').write_bytes(clips['store'].read_bytes())
    counts = {}
    for path in sorted(tmp_path.iterdir()):
        taken = take_upload(path, None, ClipDefaults('kinect_v1'), MIB)
        counts[path.name] = len(taken)
        assert taken[0].keypoint.shape[2:] == (20, 3)
        assert not path.exists()
        if path.name[0] in 'abe':
            assert np.allclose(taken[0].keypoint, walk, rtol=1e-6)
    expected = (('a.npy', 1), ('b.csv', 1), ('c_skeleton.mat', 1), ('d.json', 1), ('e.pkl', 3))
    assert counts == dict((*expected, ('f.safetensors', 6)))


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f'touch {self.mark}',)


def test_uploads_are_never_executed(tmp_path):
    mark = tmp_path / 'executed'
    path = tmp_path / 'evil.pkl'
    path.write_bytes(pickle.dumps([dict(keypoint=Evil(mark))]))
    with pytest.raises(ValueError, match=r'evil\.pkl: .*refused'):
        take_upload(path, None, ClipDefaults('kinect_v1'), MIB)
    array = tmp_path / 'evil.npy'
    np.save(array, np.array([Evil(mark)], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r'evil\.npy'):
        take_upload(array, None, ClipDefaults('kinect_v1'), MIB)
    assert list(tmp_path.iterdir()) == []


def huge_npy() -> bytes:
    """An array of a terabyte, as its first 128 bytes say."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 20, 3), }"
    header += b' ' * (117 - len(header)) + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('a.npy', b'', 'empty'),
        ('a.npy', b'garbage', 'no .npy file'),
        ('a.npy', huge_npy(), r'a\.npy'),
        ('a.csv', b'frame,joint,x\n', 'needs frame'),
        ('a.csv', b'frame,joint,x,y\n999999999,0,1,1\n', 'only 1 line'),
        ('a.json', b'[' * 100_000, r'a\.json'),
        ('a.json', b'{}', 'neither'),
        ('a.mat', b'garbage' * 50, 'd_skel'),
        ('a.skeleton', b'9999999999\n', r'a\.skeleton'),
        ('a.pkl', b'\x80\x04', 'plain data'),
        ('a.safetensors', b'garbage', r'a\.safetensors'),
        ('a.exe', b'MZ', 'reads files that end in'),
        ('a.npy', b'x' * (MIB + 1), '1.0 MiB, the limit is 1.0 MiB'),
    ],
)
def test_bad_uploads_are_named_and_deleted(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as raised:
        take_upload(path, None, ClipDefaults('kinect_v1'), MIB)
    assert str(raised.value).startswith(name)
    assert str(tmp_path) not in str(raised.value)
    assert not path.exists()


def test_limits_of_what_an_upload_holds(tmp_path, walk, monkeypatch, clips):
    monkeypatch.setattr(uploads, 'MAX_CLIPS', 5)
    (tmp_path / 'f.safetensors').write_bytes(clips['store'].read_bytes())
    with pytest.raises(ValueError, match='more than 5 clips'):
        take_upload(tmp_path / 'f.safetensors', None, ClipDefaults('kinect_v1'), MIB)
    monkeypatch.setattr(uploads, 'MAX_UNPACKED', walk.nbytes - 1)
    np.save(tmp_path / 'a.npy', walk)
    with pytest.raises(ValueError, match='take more than'):
        take_upload(tmp_path / 'a.npy', None, ClipDefaults('kinect_v1'), MIB)


def test_matlab_files_that_unpack_to_much(tmp_path):
    """Two megabytes of zeros in two thousand bytes, as one element and as two."""
    path = tmp_path / 'a.mat'
    zeros = np.zeros((20, 3, 4000))  # 1.92 MB
    savemat(path, dict(d_skel=zeros), do_compression=True)
    data = path.read_bytes()
    assert len(data) < 5000
    check_matlab_size(data, 'a.mat', 2_000_000)
    with pytest.raises(ValueError, match=r'a\.mat unpacks'):
        check_matlab_size(data, 'a.mat', 1_900_000)
    savemat(path, dict(first=zeros, d_skel=zeros), do_compression=True)
    with pytest.raises(ValueError, match='unpacks'):
        check_matlab_size(path.read_bytes(), 'a.mat', 2_000_000)
    savemat(path, dict(first=np.arange(7), second='text', d_skel=zeros[..., :9]))
    with pytest.raises(ValueError, match='unpacks'):
        check_matlab_size(path.read_bytes(), 'a.mat', 4000)  # 9 frames have 4,320 bytes
    check_matlab_size(path.read_bytes(), 'a.mat', 6000)
    damaged = data[:128] + struct.pack('<II', 15, 50) + zlib.compress(bytes(999))[:20]
    check_matlab_size(damaged, 'a.mat', 100_000)


def test_a_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_UNPACKED', 10**6)
    monkeypatch.setattr(check_matlab_size, '__defaults__', (10**6,))
    monkeypatch.setattr(uploads, 'call_limited', lambda *args, **kwargs: pytest.fail('read'))
    path = tmp_path / 'a.mat'
    savemat(path, dict(d_skel=np.zeros((20, 3, 4000))), do_compression=True)
    with pytest.raises(ValueError, match='unpacks'):
        take_upload(path, None, ClipDefaults('kinect_v1'), MIB)
    assert not path.exists()


def nested_tuples(depth: int) -> bytes:
    """A dict whose key is a tuple in a tuple in a tuple: its hash overflows the stack."""
    return b'\x80\x02})' + b'\x85' * depth + b'K\x01s.'


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('a.pkl', nested_tuples(300_000), 'plain data|crashed'),
        ('a.json', b'{"skeletons": ' + b'[' * 300_000, r'a\.json'),
        ('a.pkl', b'\x80\x02Nr\xff\xff\xff\xff.', 'plain data|memory'),  # LONG_BINPUT
        ('a.pkl', b'\x80\x04\x8e' + b'\xff' * 6 + b'\x00\x00', 'plain data'),  # BINBYTES8
    ],
)
def test_bombs_end_in_one_sentence(tmp_path, walk, name, content, reason):
    """Each of these would end the process that reads it, or take all memory."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=reason) as raised:
        take_upload(tmp_path / name, None, ClipDefaults('kinect_v1'), MIB)
    assert str(raised.value).startswith('a.')
    assert '\n' not in str(raised.value)
    np.save(tmp_path / 'walk.npy', walk)
    assert len(take_upload(tmp_path / 'walk.npy', None, ClipDefaults('kinect_v1'), MIB)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_does_not_end_is_stopped(tmp_path, walk, monkeypatch):
    monkeypatch.setattr(uploads, '_read_packed', endless)
    monkeypatch.setattr(uploads, 'READ_SECONDS', 0.5)
    np.save(tmp_path / 'walk.npy', walk)
    with pytest.raises(ValueError, match=r'^walk\.npy: reading took more than 0\.5 s$'):
        take_upload(tmp_path / 'walk.npy', None, ClipDefaults('kinect_v1'), MIB)
    assert list(tmp_path.iterdir()) == []


def endless(*args: object) -> bytes:
    while True:
        pass


def test_clips_of_an_upload_are_those_of_the_file(tmp_path, walk):
    """Every field comes back from the process that reads."""
    annotation = dict(
        frame_dir='walk', keypoint=walk, keypoint_score=walk[..., 0], label=np.int64(3),
        img_shape=(480, np.int64(640)), seen=walk > 0, kept=dict(id='a', mask=walk[0, 0]),
        total_frames=30, other={1j},
    )  # fmt: skip
    path = tmp_path / 'a.pkl'
    path.write_bytes(pickle.dumps([annotation, annotation]))
    expected = list(read_clips(path))
    taken = take_upload(path, None, ClipDefaults('kinect_v1'), MIB)
    assert len(taken) == len(expected) == 2
    for one, other in zip(taken, expected, strict=True):
        for field in ('name', 'layout', 'label', 'index'):
            assert getattr(one, field) == getattr(other, field)
        for field in ('keypoint', 'keypoint_score'):
            assert getattr(one, field).dtype == np.float32
            assert np.array_equal(getattr(one, field), getattr(other, field))
        assert np.array_equal(one.extra['seen'], other.extra['seen'])
        assert np.array_equal(one.extra['kept']['mask'], walk[0, 0])
        assert one.extra['kept']['id'] == 'a'
        assert one.extra['img_shape'] == [480, 640]
        assert (one.extra['total_frames'], one.extra['other']) == (30, None)
