"""BlazePose: what surrounds the networks, with numbers small enough to check; and the networks."""

import importlib.util
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mmcl_ext.datasets.converters.skeleton_file import read_skeleton_file
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.graphs.joint_map import joint_matrix
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.preparation.pose import blazepose, networks
from mmcl_ext.preparation.pose import build_pose_estimator as build
from mmcl_ext.preparation.pose.blazepose import BlazePose, decode_landmarks, distinct
from mmcl_ext.preparation.pose.blazepose_detector import (
    Detections,
    anchors,
    decode,
    suppress,
    windows,
)
from mmcl_ext.preparation.pose.region import Region
from mmcl_ext.preparation.videos.video import iter_frames

try:
    networks.find_network('pose_landmark/pose_landmark_full.tflite')
    MISSING = ''
except FileNotFoundError as missing:
    MISSING = str(missing)
with_networks = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def test_region_maps_its_square_to_the_image():
    region = Region.around(np.array([50.0, 60.0]), np.array([50.0, 20.0]))
    assert (region.center, region.size, region.angle) == ((50, 60), 100, 0)
    np.testing.assert_allclose(region.to_image([[0.5, 0.5], [0, 0]]), [[50, 60], [0, 10]])
    right = Region.around(np.zeros(2), np.array([40.0, 0.0]))  # lies with the head to the right
    assert right.angle == pytest.approx(np.pi / 2)
    np.testing.assert_allclose(right.to_image([0.5, 0.1]), [40, 0], atol=1e-9)
    np.testing.assert_allclose(right.to_image([1, 0.5]), [0, 50], atol=1e-9)


def test_region_cuts_what_it_maps():
    image = np.zeros((100, 100, 3), np.uint8)
    cv2.circle(image, (70, 40), 4, (255, 255, 255), -1)
    region = Region((50, 50), 80, 0.6)
    cut = region.cut(image, 40).mean(axis=2)
    y, x = np.argwhere(cut > 128).mean(axis=0)
    np.testing.assert_allclose(
        region.to_image([(x + 0.5) / 40, (y + 0.5) / 40]), [70.5, 40.5], atol=0.6
    )
    assert not Region((-100, -100), 50).cut(image, 8).any()


def test_anchors_are_the_middles_of_cells():
    found = anchors()
    assert found.shape == (2254, 2)
    np.testing.assert_allclose(found[:3] * 28, [[0.5, 0.5], [0.5, 0.5], [1.5, 0.5]])
    np.testing.assert_allclose(found[1568] * 14, [0.5, 0.5])  # the second stride
    np.testing.assert_allclose(found[-1] * 7, [6.5, 6.5])
    assert len(np.unique(found[1960:], axis=0)) == 49  # the last three layers share their cells


def test_detections_are_relative_to_their_anchors():
    boxes, logits = np.zeros((2254, 12), np.float32), np.full(2254, -200, np.float32)
    boxes[0] = (0, 0, 22.4, 44.8, 11.2, 22.4, 11.2, -44.8, 0, 0, 0, 0)
    logits[0], logits[7] = 2, 0.1
    found = decode(boxes, logits, 0.5)
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-0.1))])
    anchor = 0.5 / 28
    np.testing.assert_allclose(found.hips[0], [anchor + 0.05, anchor + 0.1], atol=1e-7)
    np.testing.assert_allclose(found.reach[0], [anchor + 0.05, anchor - 0.2], atol=1e-7)
    np.testing.assert_allclose(
        found.faces[0], anchor + np.array([-0.05, -0.1, 0.05, 0.1]), atol=1e-7
    )
    assert len(decode(boxes, logits, 0.6).scores) == 1


def detections(*rows):
    """Rows of score, x of the face, x of the hips; faces 10 wide, circles of radius 100."""
    table = np.array(rows, np.float64).reshape(-1, 3)
    score, face, hips = table.T
    zero = np.zeros_like(hips)
    faces = np.stack([face, zero, face + 10, zero + 10], axis=1)
    at = np.stack([hips, zero + 100], axis=1)
    return Detections(score, faces, at, at - (0, 100))


def test_one_detection_of_each_person_is_kept():
    found = suppress(detections((0.9, 0, 0), (0.8, 3, 60), (0.7, 50, 30), (0.6, 80, 80)))
    assert found.scores.tolist() == [0.9, 0.6]  # the others share a face, or hips
    assert suppress(detections((0.9, 0, 0))).scores.tolist() == [0.9]


def test_windows_cover_the_image():
    assert [w.center for w in windows(200, 100)] == [(50, 50), (100, 50), (150, 50)]
    assert [w.center for w in windows(100, 150)] == [(50, 50), (50, 100)]
    assert [(w.center, w.size) for w in windows(80, 80)] == [((40, 40), 80)]
    wide = [w.center[0] for w in windows(1920, 1080)]
    assert (wide[0] - 540, wide[-1] + 540) == (0, 1920)


def test_landmarks_are_turned_back_into_the_image():
    points = np.zeros((39, 5), np.float32)
    points[:, :2] = 128
    points[0, :2] = (128, 0)  # the nose at the upper edge
    points[34, :2] = (128, 28)
    points[0, 3], points[1, 3] = 4, -300
    world = np.zeros((39, 3), np.float32)
    world[0] = (0, -0.5, 0.2)
    region = Region((100, 100), 64, np.pi / 2)  # lies with the head to the right
    seen = decode_landmarks(points.ravel(), 0.9, world.ravel(), region)
    np.testing.assert_allclose(seen.keypoint[0], [132, 100], atol=1e-5)
    np.testing.assert_allclose(seen.world[0], [0.5, 0, 0.2], atol=1e-6)
    np.testing.assert_allclose(seen.score[:2], [1 / (1 + np.exp(-4)), 0], atol=1e-6)
    assert seen.following.angle == pytest.approx(np.pi / 2)
    assert seen.following.size == pytest.approx(2 * 1.25 * 25)


def landmarks(x, region):
    """What the landmark network answers about somebody whose hips are at (x, 100)."""
    points = np.zeros((39, 5), np.float32)
    points[:, 0] = ((x - region.center[0]) / region.size + 0.5) * 256
    points[:, 1] = 128 - np.arange(39)
    points[33, 1], points[34, 1] = 128, 128 - 256 * 0.4
    return points.ravel(), np.zeros(117, np.float32)


class Scene:
    """Stands in for both networks: people at known places, and what was asked of it."""

    def __init__(self, *places):
        self.places, self.looks, self.detections = list(places), 0, 0

    def detect(self, image, several):
        self.detections += 1
        return detections(*((0.9, 200 * i, x) for i, x in enumerate(self.places)))

    def look(self, image, region):
        self.looks += 1
        for x in self.places:
            if abs(x - region.center[0]) < 40:
                points, world = landmarks(x, region)
                return decode_landmarks(points, 0.9, world, region)
        points, world = landmarks(region.center[0], region)
        return decode_landmarks(points, 0.1, world, region)


@pytest.fixture
def scene(monkeypatch):
    scene = Scene(0, 200)
    monkeypatch.setattr(blazepose, 'open_network', lambda *_: None)
    monkeypatch.setattr(blazepose, 'find_network', lambda path: path)
    monkeypatch.setattr(blazepose, 'BlazePoseDetector', lambda *_: scene.detect)
    monkeypatch.setattr(BlazePose, '_look', lambda self, image, region: scene.look(image, region))
    return scene


def test_people_are_followed_without_the_detector(scene):
    estimator = BlazePose(max_persons=3, detect_every=4)
    for step in range(4):
        scene.places = [10 * step, 200 - 10 * step]
        poses = estimator(None)
        np.testing.assert_allclose(poses.keypoint[:, 0, 0], scene.places, atol=1e-3)
    assert scene.detections == 1
    scene.places.append(600)  # somebody comes: found at the next look for more
    assert len(estimator(None)) == 3
    assert scene.detections == 2
    for _ in range(10):
        estimator(None)
    assert scene.detections == 2  # as many as wanted
    del scene.places[0]
    assert len(estimator(None)) == 2
    scene.places.clear()
    assert len(estimator(None)) == 0
    assert estimator(None).keypoint.shape == (0, 33, 2)
    estimator.reset()
    scene.places = [50]
    assert len(estimator(None)) == 1


def test_two_regions_on_one_person_become_one(scene):
    estimator = BlazePose(max_persons=2)
    assert len(estimator(None)) == 2
    scene.places = [100]  # both regions slide to the same person
    estimator._regions = [Region((90, 100), 250), Region((110, 100), 250)]
    assert len(estimator(None)) == 1
    far = [scene.look(None, Region((x, 100), 250)) for x in (100, 100)]
    assert len(distinct(far)) == 1


def test_wrong_settings(scene):
    with pytest.raises(ValueError, match='max_persons and detect_every'):
        BlazePose(max_persons=0)
    with pytest.raises(ValueError, match='between 0 and 1'):
        BlazePose(presence=1)
    with pytest.raises(ValueError, match=r"'blazepose-lite' has no setting \['persons'\]"):
        build('blazepose-lite', persons=2)
    with pytest.raises(ImportError, match="estimator 'nonsense': MMPose cannot be imported"):
        build('nonsense')


def test_missing_packages_are_named_with_their_command(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    monkeypatch.chdir(tmp_path)
    for name, command in (
        ('full', 'pip install --no-deps mediapipe==0.10.21'),
        ('heavy', 'npm install @mediapipe/pose'),
    ):
        with pytest.raises(FileNotFoundError, match=command):
            networks.find_network(f'pose_landmark/pose_landmark_{name}.tflite')
    folder = tmp_path / 'node_modules/@mediapipe/pose'
    folder.mkdir(parents=True)
    (folder / 'pose_landmark_heavy.tflite').write_bytes(b'')
    found = networks.find_network('pose_landmark/pose_landmark_heavy.tflite')
    assert found.name == 'pose_landmark_heavy.tflite'
    with pytest.raises(FileNotFoundError, match=r"no network 'a\.tflite'"):
        networks.open_network('a.tflite', ())
    with pytest.raises(ValueError, match='runtime is one of'):
        networks.open_network('a.tflite', (), 'torch')


@pytest.mark.parametrize(
    ('runtime', 'package'), [('openvino', 'openvino'), ('litert', 'ai_edge_litert')]
)
def test_a_file_that_is_no_network(tmp_path, runtime, package):
    pytest.importorskip(package)
    (tmp_path / 'a.tflite').write_bytes(b'nothing' * 9)
    with pytest.raises(ValueError, match=r'a\.tflite is no network of BlazePose'):
        networks.open_network(tmp_path / 'a.tflite', ('Identity',), runtime)


def test_runtime_that_is_missing(tmp_path, monkeypatch):
    (tmp_path / 'a.tflite').write_bytes(b'')

    def run(*_):
        raise ImportError('No module named openvino')

    monkeypatch.setattr(networks, '_open_openvino', run)
    with pytest.raises(ImportError, match=r'OpenVINO or LiteRT .*requirements/pose\.txt'):
        networks.open_network(tmp_path / 'a.tflite', (), 'openvino')


def test_joint_maps_keep_the_sides():
    """A body with known joints is mapped to the joints of the same side, left on the left."""
    source = get_layout('blazepose')
    body = np.zeros((33, 3))
    for joint, name in enumerate(source.joint_names):
        body[joint, 0] = {'l': 1, 'r': -1}.get(name[0] if '_' in name else '', 0)
    for target in ('nturgb+d', 'nturgb+d-ctrgcn', 'kinect_v1', 'coco'):
        mapped = joint_matrix('blazepose', target) @ body
        for name, place in zip(get_layout(target).joint_names, mapped[:, 0], strict=True):
            side = 1 if name.startswith('left') else -1 if name.startswith('right') else 0
            assert place == pytest.approx(side), (target, name)


@with_networks
def test_pose_of_a_real_clip(shared):
    """Kinect's joints of NTU RGB+D, whose videos are mirror images, are found in its video."""
    folder = shared / 'datasets/ntu_sample'
    member = ArchiveFile(folder / 'S001C001P001R001A001.skeleton')
    truth = read_skeleton_file(member, with_pixels=True)
    estimator = build('blazepose-full', max_persons=2)
    video = iter_frames(folder / 'S001C001P001R001A001_rgb.avi')
    found = [estimator(image) for (_, image), _ in zip(video, range(12), strict=False)]
    assert [len(poses) for poses in found] == [1] * 12
    names = get_layout('nturgb+d').joint_names
    order = np.arange(25)
    for left, right in get_layout('nturgb+d').pairs:
        order[[left, right]] = right, left
    pixels = joint_matrix('blazepose', 'nturgb+d') @ np.stack([p.keypoint[0] for p in found])
    joints = [
        names.index(f'{s}_{j}')
        for s in ('left', 'right')
        for j in ('shoulder', 'elbow', 'hip', 'knee')
    ]
    error = np.linalg.norm(pixels[:, order] - truth.pixels[:12], axis=2)[:, joints]
    torso = np.linalg.norm(truth.pixels[:12, 20] - truth.pixels[:12, 0], axis=1)
    assert (error < 0.2 * torso[:, None]).mean() > 0.95


@with_networks
def test_runtimes_agree(shared):
    """OpenVINO takes reduced precision by itself on some CPUs; pinned, it equals LiteRT."""
    pytest.importorskip('openvino')
    pytest.importorskip('ai_edge_litert')
    path = shared / 'datasets/mmaction2_samples/demo_skeleton.mp4'
    _, image = next(iter_frames(path))
    one, other = (build('blazepose-full', runtime=name)(image) for name in ('openvino', 'litert'))
    assert len(one) == len(other) == 2
    np.testing.assert_allclose(one.keypoint, other.keypoint, atol=0.05)
    np.testing.assert_allclose(one.world, other.world, atol=1e-3)


@with_networks
def test_ctrl_c_after_networks_have_gone(tmp_path):
    """Without one core for the process this ends in a segmentation fault."""
    pytest.importorskip('openvino')
    code = (
        'import signal\n'
        'from mmcl_ext.preparation.pose.blazepose import BlazePose\n'
        "estimator = BlazePose(runtime='openvino')\n"
        'del estimator\n'
        'try:\n'
        '    signal.raise_signal(signal.SIGINT)\n'
        'except KeyboardInterrupt:\n'
        "    print('caught')\n"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout == 'caught\n', done.stderr
