import numpy as np
import pytest

from mmcl_ext.datasets.store import write_store
from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons
from mmcl_ext.preparation.person_boxes.person_box_source import (
    detected_box,
    fill_missing,
    most_active,
    motion_energy,
    person_limit,
)
from mmcl_ext.preparation.person_boxes.skeleton_boxes import (
    NTUSkeletonBoxes,
    ProjectedSkeletonBoxes,
)
from mmcl_ext.preparation.videos.camera import PinholeCamera, boxes_from_joints
from mmcl_ext.preparation.videos.sample_frames import match_frames
from mmcl_ext.registry import PERSON_BOXES

CAMERA = dict(focal=100.0, center=[50.0, 40.0], size=[100, 80])


def test_person_limit_of_ntu_names():
    limits = {
        action: person_limit('ntu', f'S001C001P001R001A{action:03d}') for action in range(1, 121)
    }
    pairs = {action for action, limit in limits.items() if limit == 2}
    assert pairs == {*range(50, 61), *range(106, 121)}
    assert set(limits.values()) == {1, 2}
    assert person_limit(None, 'x') is None
    assert person_limit(3, 'x') == 3
    with pytest.raises(ValueError, match="names of NTU RGB\\+D, got 'a1_s1_t1'"):
        person_limit('ntu', 'a1_s1_t1')


def test_motion_energy_by_hand():
    still = np.ones((4, 2, 3))
    moving = still.copy()
    moving[2:, 0, 0] += 3.0  # one of two joints steps once by 3 m: 9 / 2
    flicker = still.copy()
    flicker[1] = 0  # absent: the way to the origin and back is no motion
    broken = still.copy()
    broken[3, 1] = np.nan
    joints = np.stack([still, flicker, broken, moving])
    np.testing.assert_allclose(motion_energy(joints), [0, 0, 0, 4.5])
    assert most_active(joints, 1).tolist() == [3]
    assert most_active(joints, 2).tolist() == [0, 3]  # of equals the first
    assert most_active(joints, None).tolist() == [0, 1, 2, 3]


def test_detected_box_by_hand():
    detections = np.array(
        [
            [10, 10, 20, 20, 0.9],  # 100 * 0.9
            [30, 30, 50, 40, 0.6],  # 200 * 0.6
            [0, 0, 5, 5, 1.0],  # 25
            [-50, 5, -10, 9, 1.0],  # outside the frame
            [60, 60, 60, 90, 1.0],  # empty
            [np.nan, 0, 9, 9, 1.0],
            [90, 70, 300, 300, 0.05],  # 10 * 10 * 0.05 once clipped, huge before
        ]
    )
    size = (100, 80)
    np.testing.assert_array_equal(detected_box(detections, size, 1), [30, 30, 50, 40])
    np.testing.assert_array_equal(detected_box(detections, size, 2), [10, 10, 50, 40])
    np.testing.assert_array_equal(detected_box(detections, size, 3), [0, 0, 50, 40])
    np.testing.assert_array_equal(detected_box(detections, size, None), [0, 0, 100, 80])
    assert detected_box(detections[3:6], size, None) is None
    assert detected_box(np.zeros((0, 5)), size, 1) is None


def test_frames_without_a_person():
    boxes = np.arange(20.0).reshape(5, 4)
    found = np.array([False, True, False, False, True])
    whole = fill_missing(boxes, found, (64, 48), 'frame')
    np.testing.assert_array_equal(whole[found], boxes[found])
    np.testing.assert_array_equal(whole[~found], [[0, 0, 64, 48]] * 3)
    near = fill_missing(boxes, found, (64, 48), 'nearest')
    np.testing.assert_array_equal(near, boxes[[1, 1, 1, 4, 4]])
    nobody = fill_missing(boxes, np.zeros(5, bool), (64, 48), 'nearest')
    np.testing.assert_array_equal(nobody, [[0, 0, 64, 48]] * 5)


def test_matching_of_frames():
    same = np.arange(200)
    for length in range(1, 200, 7):
        np.testing.assert_array_equal(match_frames(same[:length], length, length), same[:length])
        np.testing.assert_array_equal(
            match_frames(same[:length], length, length, 2), np.maximum(same[:length] - 2, 0)
        )
    assert match_frames(np.array([0, 4, 9]), 10, 20).tolist() == [1, 9, 19]
    assert match_frames(np.array([0, 9]), 10, 20, -3).tolist() == [7, 19]


# --- boxes around the skeletons of a store ---------------------------------------------------


@pytest.fixture
def store(tmp_path):
    rng = np.random.default_rng(0)
    joints = {
        name: rng.uniform(-0.3, 0.3, (persons, frames, 20, 3)) + np.array([0, 0, 2])
        for name, persons, frames in (('walk', 2, 12), ('jump', 1, 7))
    }
    joints['walk'][0] = joints['walk'][0, :1] + 0.01  # does not move
    joints['walk'][1, 3:6] = 0  # leaves for a while
    joints['jump'][0, 2] = 0  # nobody there
    path = tmp_path / 'store.safetensors'
    samples = [dict(name=name, label=0, keypoint=value) for name, value in joints.items()]
    write_store(path, samples, layout='kinect_v1', classes=['a'], splits={'all': list(joints)})
    return path, joints


def run(cfg, source, out, **options):
    return detect_persons(dict(source=cfg), source, out, progress=False, **options)


def test_store_against_the_projection(tmp_path, store):
    path, joints = store
    cfg = dict(type='ProjectedSkeletonBoxes', camera=CAMERA, all_frames=True, padding=0.2)
    report = run(cfg, path, tmp_path / 'boxes')
    camera = PinholeCamera(100.0, (50.0, 40.0), (100, 80))
    file = BoxFile(tmp_path / 'boxes')
    assert file.names == ('walk', 'jump')
    for name, value in joints.items():
        expected, found = boxes_from_joints(value.astype(np.float32), camera, 0.2)
        np.testing.assert_allclose(file.read(name)[0], expected, rtol=1e-6)
        np.testing.assert_array_equal(file.read(name)[1], found)
        assert file.frame_numbers(name).tolist() == list(range(value.shape[1]))
        assert file.num_frames(name) == value.shape[1]
        assert file.image_size(name) == (100, 80)
    assert file.metadata['recipe']['padding'] == 0.2
    assert (
        str(report)
        .splitlines()[-1]
        .startswith(
            f'{tmp_path / "boxes"}: 2 samples, 2 boxed, 0 were there, 0 skipped; 19 boxes, '
            'no person in 1 frame of 1 sample (the whole frame instead); '
        )
    )


def test_store_with_lag_sampled_and_the_most_active(tmp_path, store):
    path, joints = store
    cfg = dict(type='ProjectedSkeletonBoxes', camera=CAMERA, lag=2, num_tiles=4, max_persons=1)
    run(cfg, path, tmp_path / 'boxes', names=['jump', 'walk'])
    file = BoxFile(tmp_path / 'boxes')
    assert file.names == ('jump', 'walk')
    camera = PinholeCamera(100.0, (50.0, 40.0), (100, 80))
    assert file.frame_numbers('walk').tolist() == [1, 4, 7, 10]
    expected, found = boxes_from_joints(
        joints['walk'][1:, [0, 2, 5, 8]].astype(np.float32), camera
    )  # the one who moves, two frames earlier; in frame 5 he is away
    boxes, there = file.read('walk')
    assert there.tolist() == found.tolist() == [True, True, False, True]
    np.testing.assert_allclose(boxes, expected, rtol=1e-6)
    near = dict(cfg, fallback='nearest')
    report = run(near, path, tmp_path / 'near', names=['walk'])
    boxes, there = BoxFile(tmp_path / 'near').read('walk')
    assert there.tolist() == found.tolist()
    np.testing.assert_allclose(boxes[2], expected[1], rtol=1e-6)
    assert "(the nearest frame's box instead, else the whole frame)" in str(report)


def test_wrong_settings_are_named(tmp_path, store):
    path, _ = store
    cfg = dict(type='ProjectedSkeletonBoxes', camera=CAMERA)
    for change, message in (
        (dict(max_persons=0), 'max_persons must be .* got 0'),
        (dict(max_persons='all'), "got 'all'"),
        (dict(fallback='skip'), "fallback must be .* got 'skip'"),
        (dict(rule='last'), "unknown rule 'last'"),
        (dict(num_tiles=0), '0 tiles'),
        (dict(padding=-1), 'got .* -1'),
        (dict(camera=dict(focal=1.0)), 'camera needs focal, center and size'),
        (dict(camera=dict(CAMERA, focal=0.0)), 'must be positive'),
    ):
        with pytest.raises(ValueError, match=message):
            run({**cfg, **change}, path, tmp_path / 'boxes')
    with pytest.raises(FileNotFoundError, match=r"'nobody' is not in .*store"):
        run(cfg, path, tmp_path / 'boxes', names=['walk', 'nobody'])
    assert not (tmp_path / 'boxes').exists()


def test_another_recipe_is_refused(tmp_path, store):
    path, _ = store
    cfg = dict(type='ProjectedSkeletonBoxes', camera=CAMERA)
    run(cfg, path, tmp_path / 'boxes')
    before = (tmp_path / 'boxes').read_bytes()
    with pytest.raises(ValueError, match=r'padding: 0.1 there, 0.3 now'):
        run(dict(cfg, padding=0.3), path, tmp_path / 'boxes')
    again = run(cfg, path, tmp_path / 'boxes')
    assert again.present == 2
    assert (tmp_path / 'boxes').read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['boxes', 'store.safetensors']


# --- NTU RGB+D -------------------------------------------------------------------------------


def write_skeleton(path, frames):
    """Write frames {identity: joints (25, 3)}, seen by a camera of 1000 pixels at the origin."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for identity, joints in bodies.items():
            lines += [f'{identity} 0 1 1 1 0 0 0.07 -0.2 2', '25']
            for x, y, z in joints:
                u, v = 960 + 1000 * x / z, 540 - 1000 * y / z
                lines.append(f'{x} {y} {z} 1 2 {u} {v} 0 0 0 0 2')
    path.write_text('\n'.join([*lines, '']))


def body(x, step=0.0, z=4.0):
    joints = np.zeros((25, 3)) + np.array([x, 0, z])
    joints[:, 1] = np.linspace(-0.8 + step, 0.8 + step, 25)
    return joints


def test_ntu_boxes_by_hand(tmp_path):
    frames = [{'72': body(-1.0), '73': body(0.4, 0.1 * t)} for t in range(5)]
    frames[3] = {}
    for name in ('S001C001P001R001A001', 'S001C001P001R001A050'):
        write_skeleton(tmp_path / f'{name}.skeleton', frames)
    cfg = dict(type='NTUSkeletonBoxes', max_persons='ntu', focal=1000.0)
    report = run(cfg, tmp_path, tmp_path / 'boxes')
    one, two = (BoxFile(tmp_path / 'boxes').read(name) for name in report_names(tmp_path))
    # metres to pixels at 4 m: 250; padding 0.1 m: 25; the second body moves
    step = 250 * 0.1 * np.arange(5)
    expected = np.stack(
        [np.full(5, 1060 - 25), 340 - 25 - step, np.full(5, 1060 + 25), 740 + 25 - step], axis=1
    )
    expected[3] = (0, 0, 1920, 1080)
    np.testing.assert_allclose(one[0], expected, atol=1e-3)
    np.testing.assert_array_equal(one[1], [True, True, True, False, True])
    joined = expected.copy()
    joined[:, 0], joined[:, 3] = 710 - 25, 740 + 25  # the still one stands further left and lower
    joined[3] = (0, 0, 1920, 1080)
    np.testing.assert_allclose(two[0], joined, atol=1e-3)
    assert (report.count.without_person, report.count.samples) == (2, 2)


def report_names(folder):
    return sorted(path.stem for path in folder.glob('*.skeleton'))


def test_ntu_recordings_without_bodies(tmp_path):
    write_skeleton(tmp_path / 'a.skeleton', [{}, {}])
    report = run(dict(type='NTUSkeletonBoxes'), tmp_path, tmp_path / 'boxes')
    boxes, found = BoxFile(tmp_path / 'boxes').read('a')
    assert not found.any()
    assert BoxFile(tmp_path / 'boxes').frame_numbers('a').tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(boxes, [[0, 0, 1920, 1080]] * 5)
    assert report.count.without_person == 5


def test_unreadable_recordings_stop_or_are_skipped(tmp_path):
    write_skeleton(tmp_path / 'good.skeleton', [{'1': body(0.0)}])
    (tmp_path / 'empty.skeleton').write_text('0\n')
    (tmp_path / 'torn.skeleton').write_text('3\n1\n72')
    cfg = dict(type='NTUSkeletonBoxes')
    with pytest.raises(ValueError, match=r'empty[.]skeleton: recording without a single frame'):
        run(cfg, tmp_path, tmp_path / 'boxes')
    report = run(cfg, tmp_path, tmp_path / 'boxes', on_error='skip')
    assert sorted(report.skipped) == ['empty', 'torn']
    assert not report.complete
    assert BoxFile(tmp_path / 'boxes').names == ('good',)
    assert '3 samples, 1 boxed, 0 were there, 2 skipped; 5 boxes' in str(report)
    # Once repaired, the same command computes what is missing.
    write_skeleton(tmp_path / 'empty.skeleton', [{'1': body(0.0)}])
    (tmp_path / 'torn.skeleton').write_text((tmp_path / 'good.skeleton').read_text())
    assert run(cfg, tmp_path, tmp_path / 'boxes').complete
    assert BoxFile(tmp_path / 'boxes').names == ('empty', 'good', 'torn')
    assert not (tmp_path / 'boxes.shards').exists()


def test_missing_input_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'has no \*\.skeleton'):
        _ = NTUSkeletonBoxes(tmp_path).names
    write_skeleton(tmp_path / 'a.skeleton', [{'1': body(0.0)}])
    with pytest.raises(FileNotFoundError, match=r"sample 'b' has no [.]skeleton file"):
        NTUSkeletonBoxes(tmp_path).read('b')
    with pytest.raises(FileNotFoundError, match='no skeleton store'):
        ProjectedSkeletonBoxes(tmp_path / 'none', camera=CAMERA)


def test_real_recordings(tmp_path, shared):
    """Boxes stand upright around the performers, and the two of A058 are both inside."""
    cfg = dict(type='NTUSkeletonBoxes', max_persons='ntu', all_frames=True)
    report = run(cfg, shared / 'datasets/ntu_sample', tmp_path / 'boxes')
    assert report.count == (173, 0, 0)
    file = BoxFile(tmp_path / 'boxes')
    alone = file.read('S001C001P001R001A001')[0]
    assert file.num_frames('S001C001P001R001A001') == 103
    width, height = (alone[:, 2:] - alone[:, :2]).T
    # Drawn on the video and looked at: the performer stands at x 980-1120, y 295-730.
    assert ((height > 2.5 * width) & (height < 500) & (height > 400)).all()
    np.testing.assert_allclose(alone.mean(0), [975, 296, 1120, 728], atol=15)
    single = dict(cfg, max_persons=1)
    run(single, shared / 'datasets/ntu_sample', tmp_path / 'one')
    both, one = (
        BoxFile(tmp_path / name).read('S001C003P008R002A058')[0] for name in ('boxes', 'one')
    )
    assert (both[:, :2] <= one[:, :2]).all()
    assert (both[:, 2:] >= one[:, 2:]).all()
    assert ((both[:, 2] - both[:, 0]) > 1.5 * (one[:, 2] - one[:, 0])).all()


def test_sources_are_registered():
    PERSON_BOXES.import_from_location()
    assert set(PERSON_BOXES.module_dict) >= {
        'MMDetPersonBoxes',
        'NTUSkeletonBoxes',
        'ProjectedSkeletonBoxes',
        'TransformersPersonBoxes',
    }
