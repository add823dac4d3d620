import re
import zipfile

import numpy as np
import pytest
from raw_ntu import clip, lying, skeleton_text, standing, write_clip

from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.datasets.converters.conversion import DroppedSampleError
from mmcl_ext.datasets.converters.ntu import NTUReader, convert_ntu, translate_sequence
from mmcl_ext.datasets.converters.skeleton_file import read_skeleton_file
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.archive_file import ArchiveFile

PREPROCESSINGS = ('ctrgcn', 'pyskl', 'mmaction')


def read(tmp_path, frames, preprocessing='ctrgcn', translate=False, **options):
    path = write_clip(tmp_path, 'S001C001P001R001A001', frames)
    return NTUReader(preprocessing, translate, **options)(ArchiveFile(path))


# Real files against the reference scripts' output

GOLDEN = {
    'S001C001P001R001A001': dict(
        shape=(1, 103, 25, 3),
        zeros=(-496.5360, 1360.4224),
        copy=(-993.0720, 2720.8449),
        first=(-0.01421, -0.26007, 0.07078),
        spine=(0.01023, 0.19206, -0.05871),
        hand=(-0.05052, -0.12222, -0.15456),
        camera=11211.46,
        feeder=(-307.7470, 843.9761, 344.1412, 32.0458, 25.3482),
    ),
    'S001C003P008R002A058': dict(
        shape=(2, 70, 25, 3),
        zeros=(2748.5242, 4660.3821),
        copy=(2748.5242, 4660.3821),
        first=(-0.00243, -0.29591, 0.08007),
        spine=(0.00330, 0.21764, -0.06675),
        hand=(0.18755, -0.28125, 0.38920),
        camera=14297.32,
        feeder=(2516.2341, 4260.8667, 723.5914, 62.3025, 44.2047),
    ),
}


@pytest.fixture(params=GOLDEN)
def sample(request, shared):
    path = shared / 'datasets' / 'ntu_sample' / f'{request.param}.skeleton'
    return ArchiveFile(path), GOLDEN[request.param]


def sums(keypoint):
    return keypoint.sum(dtype=np.float64), np.abs(keypoint).sum(dtype=np.float64)


def test_golden_ctrgcn(sample):
    member, golden = sample
    keypoint = NTUReader()(member)
    assert (keypoint.shape, keypoint.dtype) == (golden['shape'], np.float32)
    np.testing.assert_allclose(keypoint[0, 0, 0], golden['first'], atol=6e-6)
    np.testing.assert_allclose(keypoint[0, 0, 20], golden['spine'], atol=6e-6)
    np.testing.assert_allclose(keypoint[0, 10, 11], golden['hand'], atol=6e-6)
    np.testing.assert_allclose(sums(keypoint), golden['zeros'], atol=2e-4)
    for second_body in ('zeros', 'copy'):
        padded = NTUReader(second_body=second_body)(member)
        assert padded.shape == (2, *golden['shape'][1:])
        np.testing.assert_allclose(sums(padded), golden[second_body], atol=2e-4)


def test_golden_second_actor(shared):
    path = shared / 'datasets' / 'ntu_sample' / 'S001C003P008R002A058.skeleton'
    # The larger motion goes first, although that body comes second in the file.
    keypoint = NTUReader()(ArchiveFile(path))
    np.testing.assert_allclose(keypoint[1, 0, 0], (1.10494, -0.07713, 0.68086), atol=6e-6)
    camera = NTUReader(translate=False)(ArchiveFile(path))
    motions = camera.reshape(2, -1, 3).var(axis=1).sum(axis=1)
    np.testing.assert_allclose(motions, (0.237029, 0.198066), atol=2e-6)


@pytest.mark.parametrize('preprocessing', ['pyskl', 'mmaction'])
def test_golden_pyskl_and_mmaction(sample, preprocessing):
    member, golden = sample
    keypoint = NTUReader(preprocessing, translate=False)(member).astype(np.float16)
    assert keypoint.shape == golden['shape']
    np.testing.assert_allclose(sums(keypoint)[1], golden['camera'], atol=6e-3)
    if golden['shape'][0] == 1:
        np.testing.assert_allclose(keypoint[0, 0, 0], (0.2181, 0.1726, 3.7852), atol=5e-4)


def test_golden_feeder_from_the_store(shared, tmp_path):
    """Converter, store and transforms together give what the official feeder gives."""
    out = tmp_path / 'ntu60.safetensors'
    convert_ntu(shared / 'datasets' / 'ntu_sample', out, processes=1, progress=False)
    for row, stream in enumerate(('joint', 'bone', 'joint_motion', 'bone_motion')):
        dataset = SkeletonDataset(
            out,
            'xsub_train',
            [
                dict(type='CenterSkeleton', joint=1),
                dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
                dict(type='SkeletonStream', stream=stream),
                dict(type='FormatSkeleton', num_person=2, pad='zero'),
            ],
        )
        for item in (dataset[i] for i in range(len(dataset))):
            golden = GOLDEN[item['sample_name']]['feeder']
            assert sums(item['keypoint'])[1] == pytest.approx(golden[1 + row], abs=2e-3)
            if stream == 'joint':
                assert sums(item['keypoint'])[0] == pytest.approx(golden[0], abs=2e-3)


# The format


def test_what_a_file_says(tmp_path):
    frames = clip([(1, 2), (), (2,)])
    recording = read_skeleton_file(ArchiveFile(write_clip(tmp_path, 'a', frames)))
    assert recording.num_frames == 3
    assert recording.frame.tolist() == [0, 0, 2]
    assert recording.slot.tolist() == [0, 1, 0]
    assert [identity[-1] for identity in recording.body_id] == ['1', '2', '2']
    np.testing.assert_allclose(recording.joints[2], frames[2][2], rtol=1e-6)


def test_line_ends_and_closing_blank_lines_do_not_matter(tmp_path):
    frames = clip([(1,), (1,)])
    (tmp_path / 'a').write_text(skeleton_text(frames))
    (tmp_path / 'b').write_bytes(skeleton_text(frames, '\r\n').encode() + b'\r\n\n')
    joints = [read_skeleton_file(ArchiveFile(tmp_path / name)).joints for name in 'ab']
    np.testing.assert_array_equal(*joints)


# Line 1: frames, 2: bodies, 3: body, 4: joints, 5 to 29: joints, 30: bodies of frame 2.
MALFORMED = [
    (1, 'two', 'expected the number of frames'),
    (1, '-1', "expected the number of frames, got '-1'"),
    (2, '1.0', 'expected the number of bodies'),
    (3, '7205759403793110 0 1', 'expected a body in 10 fields, found 3'),
    (4, '20', "expected 25 joints, got '20'"),
    (7, '1 2 3 4', 'expected a joint in 12 fields, found 4'),
    (9, '0.1 0,2 3 277 191 1036 519 0 0 0 0 2', 'expected a joint'),
    (29, '0.1 nan 3 277 191 1036 519 0 0 0 0 2', 'not finite'),
    (30, '3', 'expected'),
    (57, 'more', 'more'),
]


@pytest.mark.parametrize(('number', 'text', 'problem'), MALFORMED)
def test_malformed_line_is_named_with_its_file(tmp_path, number, text, problem):
    path = write_clip(tmp_path / 'raw', 'S001C001P001R001A001', clip([(1,), (1,)]))
    lines = path.read_text().splitlines()
    assert len(lines) == 1 + 2 * (1 + 27)
    lines[number - 1 : number] = [text] if number < 57 else [lines[-1], text]
    path.write_text('\n'.join(lines))
    line = {57: 58, 30: 58}.get(number, number)  # a third body is missed at the end
    with pytest.raises(ValueError, match=f'{path.name}, line {line}: .*{re.escape(problem)}'):
        convert_ntu(tmp_path / 'raw', tmp_path / 'out.safetensors', processes=1, progress=False)
    assert not (tmp_path / 'out.safetensors').exists()


def test_cut_file_is_named_with_the_line_that_lacks(tmp_path):
    path = write_clip(tmp_path, 'S001C001P001R001A001', clip([(1,), (1,)]))
    path.write_text('\n'.join(path.read_text().splitlines()[:40]))
    with pytest.raises(ValueError, match='line 41: expected a joint, the file ends here'):
        NTUReader()(ArchiveFile(path))


# Choice of the actors, derived by hand


@pytest.mark.parametrize('preprocessing', PREPROCESSINGS)
def test_a_single_body_is_taken_as_it_is(tmp_path, preprocessing):
    frames = clip([(1,)] * 5)
    keypoint = read(tmp_path, frames, preprocessing)
    assert keypoint.shape == (1, 5, 25, 3)
    np.testing.assert_allclose(keypoint[0], [frame[1] for frame in frames], rtol=1e-6)


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('preprocessing', PREPROCESSINGS)
def test_absurd_joints_are_read_without_a_warning(tmp_path, preprocessing):
    frames = clip([(1,)] * 5)
    frames[2][1][4] = 1e30
    np.testing.assert_allclose(read(tmp_path, frames, preprocessing)[0, 2, 4], 1e30)


def test_frames_with_nobody(tmp_path):
    frames = clip([(), (1,), (), (1,)])
    assert read(tmp_path, frames, 'ctrgcn').shape[1] == 2
    assert read(tmp_path, frames, 'pyskl').shape[1] == 2
    kept = read(tmp_path, frames, 'mmaction')
    assert kept[0].any(axis=(1, 2)).tolist() == [False, True, False, True]


@pytest.mark.parametrize('preprocessing', ['ctrgcn', 'pyskl'])
def test_short_and_wide_bodies_are_dropped(tmp_path, preprocessing):
    # 1 is there throughout, 2 for 11 frames only, 3 is furniture.
    frames = clip([(1, 2)] * 11 + [(1,)] * 9)
    for t, frame in enumerate(frames):
        frame[3] = lying(t)
    keypoint = read(tmp_path, frames, preprocessing)
    assert keypoint.shape == (1, 20, 25, 3)
    np.testing.assert_allclose(keypoint[0], [frame[1] for frame in frames], rtol=1e-6)
    longer = clip([(1, 2)] * 12 + [(1,)] * 8)
    assert read(tmp_path, longer, preprocessing).shape[0] == 2


def test_largest_motion_goes_first(tmp_path):
    frames = [{1: standing(t, 0, 0.01), 2: standing(t, 1, 0.5)} for t in range(20)]
    for preprocessing in PREPROCESSINGS:
        keypoint = read(tmp_path, frames, preprocessing)
        np.testing.assert_allclose(keypoint[0, 7], frames[7][2], rtol=1e-6)
        np.testing.assert_allclose(keypoint[1, 7], frames[7][1], rtol=1e-6)


@pytest.mark.parametrize(('preprocessing', 'late'), [('ctrgcn', 0), ('pyskl', 1)])
def test_who_comes_late_goes_second_in_pyskl_alone(tmp_path, preprocessing, late):
    """Body 2 moves most, but the first frame has body 1 only."""
    frames = [{1: standing(t, 0, 0.01), 2: standing(t, 1, 0.5)} for t in range(30)]
    for frame in frames[:14]:
        del frame[2]
    keypoint = read(tmp_path, frames, preprocessing)
    assert not keypoint[late, :14].any()
    np.testing.assert_allclose(keypoint[late, 20], frames[20][2], rtol=1e-6)
    np.testing.assert_allclose(keypoint[1 - late, 0], frames[0][1], rtol=1e-6)


def test_only_upright_frames_count_as_motion(tmp_path):
    # 1 leaps in frames where it is wide; measured where it is upright it moves least.
    frames = [{1: standing(t, 0, 0.0), 2: standing(t, 1, 0.1)} for t in range(20)]
    for t in range(5):
        frames[t][1] = lying(t) + np.array((50 * t, 0, 0))
    keypoint = read(tmp_path, frames, 'ctrgcn')
    np.testing.assert_allclose(keypoint[0, 10], frames[10][2], rtol=1e-6)


@pytest.mark.parametrize(('overlap', 'one_slot'), [(0, (1, 1)), (1, (1, 0)), (2, (0, 0))])
def test_bodies_that_do_not_meet_share_a_slot(tmp_path, overlap, one_slot):
    """CTR-GCN lets two bodies touch in one frame, PYSKL does not."""
    frames = clip([(1,)] * (15 - overlap) + [(1, 2)] * overlap + [(2,)] * (15 - overlap))
    for preprocessing, shared_slot in zip(('ctrgcn', 'pyskl'), one_slot, strict=True):
        keypoint = read(tmp_path, frames, preprocessing)
        assert keypoint.shape == (2, 30 - overlap, 25, 3)
        assert keypoint[1].any() == (not shared_slot), preprocessing


def test_a_body_that_comes_back_is_moved_up(tmp_path):
    """The sequence of a body has no gaps; kept because the published arrays have it so."""
    frames = clip([(1, 2)] * 12 + [(1,)] * 4 + [(1, 2)] * 6)
    for preprocessing in ('ctrgcn', 'pyskl'):
        keypoint = read(tmp_path, frames, preprocessing)
        persons = {bool(np.allclose(p[0], frames[0][2])): p for p in keypoint}
        np.testing.assert_allclose(persons[True][12], frames[16][2], rtol=1e-6)
        assert not persons[True][18:].any()


def test_mmaction_goes_by_the_place_in_the_frame(tmp_path):
    frames = clip([(1, 2)] * 6)
    frames[3] = dict(reversed(frames[3].items()))  # the sensor lists them the other way round
    keypoint = read(tmp_path, frames, 'mmaction')
    person = next(p for p in keypoint if np.allclose(p[0], frames[0][1]))
    np.testing.assert_allclose(person[3], frames[3][2], rtol=1e-6)


@pytest.mark.parametrize(
    ('present', 'preprocessing', 'reason'),
    [
        ([()] * 4, 'ctrgcn', 'no body in any frame'),
        ([()] * 4, 'pyskl', 'no body in any frame'),
        ([()] * 4, 'mmaction', 'no body in any frame'),
        ([(1, 2)] * 11, 'ctrgcn', 'none in more than 11 frames'),
        ([(1, 2)] * 11, 'pyskl', 'none in more than 11 frames'),
    ],
)
def test_nobody_left(tmp_path, present, preprocessing, reason):
    with pytest.raises(DroppedSampleError, match=reason):
        read(tmp_path, clip(present), preprocessing)


def test_furniture_alone(tmp_path):
    frames = [{1: lying(t), 2: lying(50 + t)} for t in range(15)]
    assert read(tmp_path, frames, 'ctrgcn').shape == (1, 15, 25, 3)  # always leaves one
    with pytest.raises(DroppedSampleError, match='wider than a person'):
        read(tmp_path, frames, 'pyskl')


# Translation


def test_translation_by_the_first_real_frame():
    keypoint = np.random.default_rng(0).normal(size=(2, 4, 25, 3)).astype(np.float32)
    keypoint[0, 0] = keypoint[1, 2] = 0
    moved = translate_sequence(keypoint)
    origin = keypoint[0, 1, 1]
    assert not moved[0, 0].any()
    assert not moved[1, 2].any()
    assert not moved[0, 1, 1].any()
    np.testing.assert_array_equal(moved[0, 1:], keypoint[0, 1:] - origin)
    np.testing.assert_array_equal(moved[1, :2], keypoint[1, :2] - origin)


# Whole conversions


@pytest.fixture
def source(tmp_path):
    raw = tmp_path / 'raw'
    write_clip(raw / 'nturgb+d_skeletons', 'S001C001P001R001A001', clip([(1,)] * 3))
    write_clip(raw / 'nturgb+d_skeletons', 'S001C002P003R001A060', clip([(1, 2)] * 20))
    write_clip(raw / 'nturgb+d_skeletons', 'S001C002P005R002A008', clip([(1,)] * 3))  # missing
    write_clip(raw / 'nturgb+d_skeletons', 'S002C003P003R001A002', clip([()] * 3))
    write_clip(raw / 'nturgb+d_skeletons120', 'S018C001P041R001A061', clip([(1,)] * 4))
    write_clip(raw / 'nturgb+d_skeletons120', 'S019C003P047R001A120', clip([(1,)] * 4))
    (raw / 'S001C001P099R001A001.skeleton').write_text('')
    return raw


def test_sixty_classes(source, tmp_path):
    report = convert_ntu(source, tmp_path / 'ntu60.safetensors', processes=1, progress=False)
    store = SkeletonStore(tmp_path / 'ntu60.safetensors')
    assert list(store.names) == ['S001C001P001R001A001', 'S001C002P003R001A060']
    assert store.labels.tolist() == [0, 59]
    assert store.num_persons.tolist() == [1, 2]
    assert len(store.classes) == 60
    assert (store.layout, store.dtype) == ('nturgb+d-ctrgcn', np.float32)
    assert {key: index.tolist() for key, index in store.splits.items()} == dict(
        xsub_train=[0], xsub_val=[1], xview_train=[1], xview_val=[0]
    )
    assert report.dropped == {
        'S001C002P005R002A008': 'on the list of missing skeletons',
        'S002C003P003R001A002': 'no body in any frame',
    }
    assert store.metadata['dropped'] == report.dropped
    assert len(report.missing) == 56_578 - 3
    assert report.class_counts['59 walking apart from each other'] == dict(
        kept=1, dropped=0, xsub_train=0, xsub_val=1, xview_train=1, xview_val=0
    )
    assert report.class_counts['1 eat meal/snack']['dropped'] == 1
    assert set(report.ignored) == {
        'S001C001P099R001A001.skeleton',
        'S018C001P041R001A061.skeleton',
        'S019C003P047R001A120.skeleton',
    }
    text = str(report)
    assert 'dropped 1 sample, no body in any frame: S002C003P003R001A002' in text
    assert re.search(r'59 walking apart from each other +1 +0 +0 +1 +1 +0', text)


def test_a_hundred_and_twenty_classes(source, tmp_path):
    convert_ntu(
        source, tmp_path / 'o', num_classes=120, preprocessing='pyskl', processes=1, progress=False
    )
    store = SkeletonStore(tmp_path / 'o')
    assert store.labels.tolist() == [0, 59, 60, 119]
    assert (store.layout, store.dtype) == ('nturgb+d', np.float16)
    assert {key: index.tolist() for key, index in store.splits.items()} == dict(
        xsub_train=[0, 3], xsub_val=[1, 2], xset_train=[2], xset_val=[0, 1, 3]
    )


def test_archives_and_links_give_the_same_store(source, tmp_path):
    packed = tmp_path / 'packed'
    packed.mkdir()
    with zipfile.ZipFile(packed / 'nturgbd_skeletons_s001_to_s017.zip', 'w') as archive:
        for path in (source / 'nturgb+d_skeletons').iterdir():
            archive.write(path, f'nturgb+d_skeletons/{path.name}')
            archive.writestr(f'__MACOSX/nturgb+d_skeletons/._{path.name}', b'no skeleton')
    (packed / 'second').symlink_to(source / 'nturgb+d_skeletons120')
    checksums = []
    for folder in (source, packed):
        out = tmp_path / f'{folder.name}.safetensors'
        convert_ntu(folder, out, num_classes=120, processes=1, progress=False)
        checksums.append(SkeletonStore(out).checksum())
    assert checksums[0] == checksums[1]


def test_an_unreadable_file_may_be_dropped(source, tmp_path):
    (source / 'nturgb+d_skeletons' / 'S001C001P001R001A001.skeleton').write_text('1\n')
    report = convert_ntu(source, tmp_path / 'out', processes=1, on_error='skip', progress=False)
    assert 'line 2: expected the number of bodies' in report.dropped['S001C001P001R001A001']


def test_wrong_arguments_are_named(source, tmp_path):
    for options, message in (
        (dict(preprocessing='x'), "preprocessing is one of .*'x'"),
        (dict(second_body='x'), "second_body is one of .*'x'"),
        (dict(num_classes=61), '60 or 120 classes, got 61'),
        (dict(on_error='x'), "on_error is 'stop' or 'skip'"),
        (dict(processes=0), 'processes must be positive'),
    ):
        with pytest.raises(ValueError, match=message):
            convert_ntu(source, tmp_path / 'out', progress=False, **options)
    with pytest.raises(FileNotFoundError, match=r'no file such as S001C001P001R001A001.skeleton'):
        convert_ntu(tmp_path / 'raw' / 'nturgb+d_skeletons120', tmp_path / 'out')
