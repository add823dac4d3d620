"""Poses in the files of OpenPose, MediaPipe and Ultralytics become the same clips as MMPose's."""

import json
import warnings

import numpy as np
import pytest

from mmcl_ext.datasets.converters import convert_custom
from mmcl_ext.datasets.converters.pose_results import is_pose_frames, read_pose_frames
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.inference import read_clips
from mmcl_ext.inference.read_clips import ClipDefaults

FRAMES = 4


def bodies(num_joints, people=2, frames=FRAMES, coordinates=2):
    """Joints (M, T, V, C) of people who stand apart, in the image of 640 x 480 pixels."""
    generator = np.random.default_rng(num_joints)
    joints = generator.uniform(50, 100, (people, 1, num_joints, coordinates))
    offset = 250 * np.arange(people)[:, None, None, None]
    return (joints + offset + np.arange(frames)[:, None, None]).astype(np.float32)


def scores(num_joints, people=2, frames=FRAMES):
    values = np.linspace(0.5, 0.9, num_joints).astype(np.float32) - 0.1 * np.arange(people)[:, None]
    return np.repeat(values[:, None], frames, axis=1)


def save(path, content):
    path.write_text(json.dumps(content))
    return path


def people(keypoint, score, t):
    """OpenPose's people of a frame."""
    rows = np.concatenate([keypoint[:, t], score[:, t, :, None]], axis=-1)
    return [dict(person_id=[-1], pose_keypoints_2d=row.ravel().tolist()) for row in rows]


def save_openpose(folder, name, keypoint, score):
    folder.mkdir(exist_ok=True, parents=True)
    for t in range(keypoint.shape[1]):
        frame = dict(version=1.3, people=people(keypoint, score, t))
        save(folder / f'{name}_{t:012d}_keypoints.json', frame)


def landmarks(joints, score, size=(1, 1)):
    """MediaPipe's landmarks of a body (V, C) whose first two coordinates are shares of a size."""
    return [
        dict(zip('xyz', (p / (*size, 1)[: len(p)]).tolist(), strict=False), visibility=float(s))
        for p, s in zip(joints, score, strict=True)
    ]


def test_openpose_folder(tmp_path):
    """Frames in the order of their numbers, people followed, a clip for each video."""
    keypoint, score = bodies(18), scores(18)
    save_openpose(tmp_path / 'out', 'walk', keypoint, score)
    save_openpose(tmp_path / 'out', 'jump', keypoint[:1], score[:1])
    jump, walk = sorted(read_clips(tmp_path / 'out'), key=lambda clip: clip.name)
    assert (jump.name, walk.name, walk.layout) == ('jump', 'walk', 'openpose')
    np.testing.assert_allclose(walk.keypoint, keypoint, rtol=1e-5)
    np.testing.assert_allclose(walk.keypoint_score, score, rtol=1e-5)
    [one] = read_clips(f'{tmp_path / "out"}::jump')
    np.testing.assert_allclose(one.keypoint, keypoint[:1], rtol=1e-5)
    with pytest.raises(ValueError, match=r"no video 'run' among results of OpenPose"):
        list(read_clips(f'{tmp_path / "out"}::run'))
    [alone] = read_clips(tmp_path / 'out/walk_000000000002_keypoints.json')
    np.testing.assert_allclose(alone.keypoint[:, 0], keypoint[:, 2], rtol=1e-5)


def test_body_25_is_not_taken_for_the_25_joints_of_kinect(tmp_path):
    """Its hips' middle and feet are left out; the others get their places by name."""
    keypoint, score = bodies(25, people=1), scores(25, people=1)
    save_openpose(tmp_path, 'a', keypoint, score)
    [clip] = read_clips(tmp_path)
    names = get_layout('openpose').joint_names
    assert clip.layout == 'openpose'
    order = dict(nose=0, neck=1, right_wrist=4, left_wrist=7, right_hip=9, left_hip=12)
    order |= dict(left_ankle=14, right_eye=15, left_ear=18)
    for name, number in order.items():
        place = names.index(name)
        np.testing.assert_allclose(clip.keypoint[0, :, place], keypoint[0, :, number], rtol=1e-5)


def test_people_without_a_joint_and_frames_without_people():
    empty = dict(people=[])
    lost = dict(people=[dict(pose_keypoints_2d=[0.0] * 54), dict(pose_keypoints_2d=[])])
    frames = [empty, dict(people=people(bodies(18), scores(18), 0)), lost, empty]
    keypoint, _ = read_pose_frames(frames, 'a')
    assert keypoint.shape == (2, 4, 18, 2)
    assert keypoint.any(axis=(0, 2, 3)).tolist() == [False, True, False, False]
    with pytest.raises(ValueError, match=r'a: frame 0: .*5 numbers are no triples'):
        read_pose_frames([dict(people=[dict(pose_keypoints_2d=[1.0] * 5)])], 'a')
    with pytest.raises(ValueError, match='nobody was found'):
        read_pose_frames([empty, empty], 'a')


@pytest.mark.parametrize('key', ['landmarks', 'pose_landmarks', 'poseLandmarks'])
def test_mediapipe_landmarks_in_pixels(key):
    keypoint, score = bodies(33), scores(33)
    frames = [
        {key: [landmarks(keypoint[m, t], score[m, t], (640, 480)) for m in range(2)]}
        for t in range(FRAMES)
    ]
    content = dict(width=640, height=480, frames=frames)
    assert is_pose_frames(content)
    found, confidence = read_pose_frames(content, 'a')
    np.testing.assert_allclose(found, keypoint, rtol=1e-4)
    np.testing.assert_allclose(confidence, score, rtol=1e-5)
    with pytest.raises(ValueError, match=r"a: frame 0: .*'width' of the frame is needed"):
        read_pose_frames(frames, 'a')


def test_mediapipe_of_one_person(tmp_path):
    """As MessageToDict and bare lists have it; nobody is null or an empty list."""
    keypoint, score = bodies(33, people=1), scores(33, people=1)
    size = dict(width=640, height=480)
    bare = [landmarks(keypoint[0, t], score[0, t], (640, 480)) for t in range(FRAMES)]
    nested = [dict(pose_landmarks=dict(landmark=frame), **size) for frame in bare]
    flat = [dict(landmark=frame, **size) for frame in bare]
    for content in (nested, flat, [*flat[:1], dict(landmarks=[]), None, flat[1]]):
        [clip] = read_clips(save(tmp_path / 'a.json', content))
        assert clip.layout == 'blazepose'
        np.testing.assert_allclose(clip.keypoint[0, 0], keypoint[0, 0], rtol=1e-4)
    assert clip.keypoint[0].any(axis=(1, 2)).tolist() == [True, False, False, True]
    assert is_pose_frames(bare)
    with pytest.raises(ValueError, match='shares of the image'):
        read_pose_frames(bare, 'a')


@pytest.mark.parametrize('key', ['worldLandmarks', 'pose_world_landmarks'])
def test_mediapipe_in_metres(tmp_path, key):
    """World landmarks get the axes of Kinect, unless pixels are asked for."""
    world = bodies(33, people=1, coordinates=3) / 100 - 0.5
    score = scores(33, people=1)
    frames = [{key: [landmarks(world[0, t], score[0, t])]} for t in range(FRAMES)]
    found, _ = read_pose_frames(frames, 'a')
    np.testing.assert_allclose(found, world * (-1, -1, 1), atol=1e-5)
    with pytest.raises(ValueError, match='in metres only'):
        read_pose_frames(frames, 'a', (33, 2))
    both = [frame | dict(landmarks=frame[key], width=640, height=480) for frame in frames]
    [clip] = read_clips(save(tmp_path / 'a.json', both))
    np.testing.assert_allclose(clip.keypoint, found)
    [clip] = read_clips(tmp_path / 'a.json', defaults=ClipDefaults(metric=False))
    pixels, _ = read_pose_frames(both, 'a', (33, 2))
    np.testing.assert_allclose(pixels, world[..., :2] * (640, 480), atol=1e-2)
    np.testing.assert_array_equal(clip.keypoint, pixels)


def detection(joints, score, **more):
    x, y = joints.T.tolist()
    points = dict(x=x, y=y, visible=score.tolist())
    box = dict(x1=min(x), y1=min(y), x2=max(x), y2=max(y))
    return {'name': 'person', 'class': 0, 'confidence': 0.9, 'box': box, 'keypoints': points} | more


def test_ultralytics(tmp_path):
    """Lists, or texts as to_json gives them; a tracker's numbers are kept."""
    keypoint, score = bodies(17), scores(17)
    frames = [[detection(keypoint[m, t], score[m, t]) for m in range(2)] for t in range(FRAMES)]
    for content in (frames, [json.dumps(frame) for frame in frames]):
        [clip] = read_clips(save(tmp_path / 'a.json', content))
        assert clip.layout == 'coco'
        np.testing.assert_allclose(clip.keypoint, keypoint, rtol=1e-5)
        np.testing.assert_allclose(clip.keypoint_score, score, rtol=1e-5)
    [image] = read_clips(save(tmp_path / 'b.json', frames[1]))
    assert image.keypoint.shape == (2, 1, 17, 2)
    swapped = [
        [detection(keypoint[m, t], score[m, t], track_id=5 + (m + t) % 2) for m in range(2)]
        for t in range(FRAMES)
    ]
    found, _ = read_pose_frames(swapped, 'a')
    np.testing.assert_allclose(found[0, 1, 0], keypoint[1, 1, 0], rtol=1e-5)  # as the tracker says


def test_detections_without_joints_are_no_poses(tmp_path):
    content = [[dict(name='person', confidence=0.9, box={})]]
    with pytest.raises(ValueError, match='neither results of a pose estimation nor a sequence'):
        list(read_clips(save(tmp_path / 'a.json', content)))


def test_conversion_to_a_store(tmp_path):
    """OpenPose's frames of several videos in one folder, a label for each video."""
    keypoint, score = bodies(18), scores(18)
    save_openpose(tmp_path / 'raw', 'a', keypoint, score)
    save_openpose(tmp_path / 'raw/deep', 'b', keypoint[:1], score[:1])
    (tmp_path / 'raw/labels.csv').write_text('name,label,split\na,wave,train\nb,kick,train\n')
    out = tmp_path / 'out.safetensors'
    convert_custom(tmp_path / 'raw', out, layout='openpose', processes=1, progress=False)
    store = SkeletonStore(out)
    assert list(store.names) == ['a', 'b']
    np.testing.assert_allclose(store.keypoint(0), keypoint, rtol=1e-5)
    np.testing.assert_allclose(store.keypoint_score(1), score[:1], rtol=1e-5)


def test_a_damaged_frame_is_named(tmp_path):
    save_openpose(tmp_path, 'a', bodies(18), scores(18))
    (tmp_path / 'a_000000000001_keypoints.json').write_text('{"people": [')
    with pytest.raises(ValueError, match=r'a\.json.*no JSON'):
        list(read_clips(tmp_path))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='a folder with no results of OpenPose'):
        list(read_clips(tmp_path / 'empty'))


def test_infinite_landmarks_are_no_warning():
    """They are judged with the other joints that are not finite."""
    body = [dict(x=1e300, y=0.5, visibility=1.0)] * 33
    with warnings.catch_warnings(action='error'):
        keypoint, _ = read_pose_frames([dict(width=0, height=480, landmarks=[body])], 'video')
    assert not np.isfinite(keypoint[..., 0]).any()
