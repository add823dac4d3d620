"""Streams: equal to clips, bounded, followed persons, live sources."""

import runpy
import sys
import time
import tracemalloc
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

from mmcl_ext.datasets.converters.person_tracker import PersonTracker
from mmcl_ext.inference import SkeletonClip, StreamingInferencer
from mmcl_ext.inference.live import replay, watch
from mmcl_ext.inference.streaming_inferencer import FrameWindow
from mmcl_ext.preparation.pose import FramePoses, PoseEstimator, build_pose_estimator
from mmcl_ext.preparation.pose.pose_settings import PoseSettings

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def long_walk(walk):
    generator = np.random.default_rng(5)
    steps = generator.normal(scale=0.05, size=(1, 100, 20, 3)).cumsum(axis=1)
    return (walk[:, :1] + steps).astype('f4')


def run(stream, keypoint):
    predictions = [stream.push(keypoint[:, t]) for t in range(keypoint.shape[1])]
    return [p for p in predictions if p is not None]


def test_windows_are_clips(inferencer, long_walk):
    stream = StreamingInferencer(inferencer, window=32, stride=20)
    predictions = run(stream, long_walk)
    assert [p.frame for p in predictions] == [31, 51, 71, 91]
    for p in predictions:
        clip = long_walk[:, p.frame - 31 : p.frame + 1]
        expected = inferencer(clip)[0]
        np.testing.assert_array_equal(p.result.pred_score, expected.pred_score)
        np.testing.assert_array_equal(p.probability, expected.probability)
        assert p.top(1)[0][0] == expected.label_name
    p50, p95 = stream.latency()
    assert 0 < p50 <= p95
    assert p95 <= max(p.latency for p in predictions)


def test_two_persons_are_clips(ntu):
    two = np.random.default_rng(6).normal(size=(2, 40, 25, 3)).astype('f4')
    predictions = run(StreamingInferencer(ntu, window=40, stride=1), two)
    assert len(predictions) == 1
    np.testing.assert_array_equal(predictions[0].result.pred_score, ntu(two)[0].pred_score)


def test_smoothing(inferencer, long_walk):
    raw = run(StreamingInferencer(inferencer, window=32, stride=20), long_walk)
    smooth = run(StreamingInferencer(inferencer, window=32, stride=20, smoothing=0.75), long_walk)
    expected = raw[0].probability
    for p, q in zip(raw, smooth, strict=True):
        expected = 0.75 * expected + 0.25 * p.probability
        np.testing.assert_allclose(q.probability, expected, rtol=1e-5)


def test_nobody_gives_no_prediction(inferencer, long_walk):
    stream = StreamingInferencer(inferencer, window=10, stride=10)
    empty = np.zeros((0, 20, 3), 'f4')
    assert all(stream.push(empty) is None for _ in range(25))
    assert all(stream.push(np.zeros((20, 3))) is None for _ in range(4))
    assert np.isnan(stream.latency()[0])
    first = next(p for t in range(20) if (p := stream.push(long_walk[:, t])) is not None)
    assert first.frame == 29
    stream.reset()
    assert run(stream, long_walk[:, :9]) == []


def test_smoothing_begins_anew_after_an_empty_window(inferencer, long_walk):
    stream = StreamingInferencer(inferencer, window=16, stride=16, smoothing=0.9)
    nobody = np.zeros((1, 16, 20, 3), 'f4')
    first, last = run(
        stream, np.concatenate([long_walk[:, :16], nobody, long_walk[:, 40:56]], axis=1)
    )
    assert not np.allclose(first.probability, last.probability, rtol=1e-3)
    np.testing.assert_allclose(last.probability, last.result.probability, rtol=1e-6)


def test_memory_does_not_grow():
    window = FrameWindow(64, 4)
    frame, places = np.ones((2, 25, 3), 'f4'), np.arange(2)
    window.push(frame, places)
    tracemalloc.start()
    for _ in range(5000):
        window.push(frame, places)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000  # one frame alone has 1,200 bytes
    assert window.clip().shape == (4, 64, 25, 3)


def test_window_is_in_order():
    window = FrameWindow(3, 2)
    for t in range(5):
        window.push(np.full((1, 1, 1), t + 1, 'f4'), np.array([t % 2]))
    assert window.clip()[:, :, 0, 0].tolist() == [[3, 0, 5], [0, 4, 0]]
    with pytest.raises(ValueError, match=r'frame 5 has joints \(2, 1\)'):
        window.push(np.ones((1, 2, 1), 'f4'), np.array([0]))


def test_bad_arguments(inferencer):
    for arguments in (dict(stride=0), dict(smoothing=1.0), dict(window=0)):
        with pytest.raises(ValueError, match='positive'):
            StreamingInferencer(inferencer, **arguments)
    stream = StreamingInferencer(inferencer)
    with pytest.raises(ValueError, match='a frame is'):
        stream.push(np.ones(3))


def test_crowds_and_absent_persons_do_not_end_a_stream(inferencer, walk):
    """Beyond the places the first persons count; a person of NaN alone is absent."""
    crowd = np.concatenate([walk, walk[:, ::-1], walk + 1])  # (3, T, 20, 3)
    absent = np.concatenate([walk, np.full_like(walk, np.nan)])
    few = StreamingInferencer(inferencer, num_slots=2, window=16, stride=16)
    for given, same in ((crowd, crowd[:2]), (absent, walk)):
        scores = []
        for clip in (given, same):
            few.reset()
            found = [few.push(frame) for frame in clip.swapaxes(0, 1)[:16]]
            scores.append(found[-1].probability)
        np.testing.assert_array_equal(*scores)


def test_tracker_keeps_places():
    """Two bodies pass in any order; one leaves and returns to its place."""
    body = np.random.default_rng(7).uniform(size=(5, 2))
    a, b = body, body + 10
    tracker = PersonTracker(3, max_gap=5)
    assert tracker.update(np.stack([a, b])).tolist() == [0, 1]
    assert tracker.update(np.stack([b + 0.1, a + 0.1])).tolist() == [1, 0]
    assert tracker.update(np.stack([b + 0.2])).tolist() == [1]
    assert tracker.update(np.stack([body + 5, a, b])).tolist() == [2, 0, 1]
    for _ in range(6):
        assert tracker.update(np.stack([b])).tolist() == [1]
    # a is forgotten: someone else takes a free place, not b's.
    assert tracker.update(np.stack([b, body + 50])).tolist()[0] == 1
    assert PersonTracker(1).update(np.stack([a, b])).tolist() == [0]
    with pytest.raises(ValueError, match='num_slots'):
        PersonTracker(0)


def test_tracker_takes_nobody_far_away_for_the_same():
    body = np.random.default_rng(7).uniform(size=(1, 5, 2))
    tracker = PersonTracker(3)
    assert tracker.update(body).tolist() == [0]
    assert tracker.update(body + 50).tolist() == [1]
    assert tracker.update(body + 50.1).tolist() == [1]


@pytest.mark.parametrize(('absent', 'place'), [(2, 0), (3, 2)])
def test_tracker_forgets_who_has_been_away_for_max_gap_frames(absent, place):
    """Who is remembered returns to the own place; who is not takes the one longest empty."""
    body = np.random.default_rng(7).uniform(size=(1, 5, 2))
    tracker = PersonTracker(3, max_gap=3)
    for _ in range(3):
        assert tracker.update(np.concatenate([body, body + 10])).tolist() == [0, 1]
    for _ in range(absent):
        assert tracker.update(body + 10).tolist() == [1]
    assert tracker.update(body).tolist() == [place]


def test_tracked_stream_equals_the_ordered_one(ntu):
    generator = np.random.default_rng(8)
    body = generator.normal(size=(25, 3))
    place = np.array([[0, 0, 0], [20, 0, 0]])[:, None, None]
    steps = generator.normal(scale=0.05, size=(2, 40, 25, 3)).cumsum(axis=1)
    two = (body + place + steps).astype('f4')
    stream = StreamingInferencer(ntu, window=40, stride=1, track=True)
    found = [stream.push(two[:: 1 if t % 3 == 0 else -1, t]) for t in range(40)]
    np.testing.assert_array_equal(found[-1].result.pred_score, ntu(two)[0].pred_score)


def test_replay_keeps_time(walk):
    clip = SkeletonClip('walk', walk, 'kinect_v1')
    assert len(list(replay(clip))) == 30
    start = time.perf_counter()
    frames = list(replay(clip, fps=100))
    assert time.perf_counter() - start >= 0.29
    np.testing.assert_array_equal(frames[7].keypoint, walk[:, 7])
    slow = replay(clip, fps=1000)
    next(slow)
    time.sleep(0.05)
    assert next(slow).lag >= 0.04
    with pytest.raises(ValueError, match='fps'):
        next(replay(clip, fps=0))


def write_video(path, num=6):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 10, (64, 48))
    for i in range(num):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture
def fake_mmpose(monkeypatch):
    """Stands for MMPose, with its interface: a body per image, at the image's brightness."""

    class MMPoseInferencer:
        def __init__(self, pose2d, device):
            self.pose2d = pose2d

        def __call__(self, image, return_vis):
            keypoints = (np.arange(34).reshape(17, 2) + image.mean()).tolist()
            instance = dict(keypoints=keypoints, keypoint_scores=[0.5] * 17)
            yield dict(visualization=[], predictions=[[instance]])

    package, apis = ModuleType('mmpose'), ModuleType('mmpose.apis')
    vars(apis).update(MMPoseInferencer=MMPoseInferencer)
    monkeypatch.setitem(sys.modules, 'mmpose', package)
    monkeypatch.setitem(sys.modules, 'mmpose.apis', apis)


def test_camera(fake_mmpose, tmp_path):
    estimator, settings = build_pose_estimator('rtmpose-m'), PoseSettings()
    frames = list(watch(str(write_video(tmp_path / 'v.mp4')), estimator, settings, False))
    assert len(frames) == 6
    assert frames[0].keypoint.shape == (1, 17, 2)
    assert frames[0].score.tolist() == [[0.5] * 17]
    assert (frames[5].keypoint - frames[0].keypoint).mean() == pytest.approx(100, abs=5)
    assert [frame.time for frame in frames] == pytest.approx([t / 10 for t in range(6)])
    assert all(frame.pose > 0 and frame.decode > 0 for frame in frames)
    with pytest.raises(OSError, match='cannot open the camera or video'):
        next(watch(str(tmp_path / 'absent.mp4'), estimator, settings, False))


def test_of_a_live_source_the_newest_image_is_taken(monkeypatch):
    def images(source):
        assert source == 'rtsp://camera'
        for number in range(40):
            time.sleep(0.005)
            yield 0.005 * number, np.full((48, 64, 3), number, np.uint8)
        raise ValueError('the camera is gone')

    seen = []

    class Slow(PoseEstimator):
        layout = 'coco'

        def __call__(self, image):
            time.sleep(0.05)
            seen.append(int(image[0, 0, 0]))
            return FramePoses(np.zeros((0, 17, 2), 'f4'), np.zeros((0, 17), 'f4'))

    monkeypatch.setattr('mmcl_ext.inference.live.iter_frames', images)
    with pytest.raises(OSError, match='the camera is gone'):
        list(watch('rtsp://camera', Slow(), PoseSettings(), False))
    assert len(seen) < 20
    assert seen == sorted(set(seen))


def stream_tool(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['stream.py', *map(str, arguments)])
    runpy.run_path(str(REPO / 'tools/stream.py'))['main']()


def test_tool_replays_a_file(utd, real_files, monkeypatch, capsys):
    options = ('--window', 30, '--stride', 10, '--realtime', '--fps', 200)
    stream_tool(monkeypatch, real_files['mat'], '--model', utd['published'], *options)
    *rows, last = capsys.readouterr().out.splitlines()
    assert last.startswith('58 frames, 3 predictions; latency p50 ')
    assert 'p95' in last
    assert [row.split()[0] for row in rows] == ['0.14', '0.20', '0.24']  # frames 29, 39, 49


def test_tool_with_a_camera(utd, fake_mmpose, tmp_path, monkeypatch, capsys):
    video = write_video(tmp_path / 'v.mp4')
    with pytest.raises(SystemExit, match=r"error: clip 'first frame' has 2 coordinates"):
        stream_tool(
            monkeypatch, '--webcam', video, '--pose', 'rtmpose-m', '--model', utd['published']
        )
    assert capsys.readouterr().out.startswith('1 frame, 0 predictions')
    for module in ('mmpose', 'mmpose.apis'):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match="error: pose estimator 'rtmpose-m': MMPose cannot be"):
        stream_tool(monkeypatch, '--webcam', 0, '--pose', 'rtmpose-m', '--model', utd['published'])
    with pytest.raises(SystemExit):
        stream_tool(monkeypatch, '--model', utd['published'])


def test_tool_refuses(utd, stores, real_files, monkeypatch, capsys):
    for source, options, message in (
        (f'{stores["utd"]}::xsub_test', (), 'holds several clips: give one'),
        (real_files['root'] / 'absent.mat', (), 'error: there is no file'),
        (real_files['mat'], ('--window', 0), 'error: size 0'),
        (real_files['mat'], ('--stride', 0), 'error: stride must be positive'),
    ):
        with pytest.raises(SystemExit, match=message):
            stream_tool(monkeypatch, source, '--model', utd['published'], *options)
    with pytest.raises(SystemExit):
        stream_tool(monkeypatch, real_files['mat'], '--model', utd['published'], '--fps', 0)
    assert '--fps and --top-k must be positive, got 0.0' in capsys.readouterr().err


def test_low_confidence_scores_travel_along(inferencer):
    """A pipeline that asks for scores gets those of the window."""
    seen = []

    def predict(clip):
        seen.append(clip)
        return SimpleNamespace(probability=np.ones(2), classes=('a', 'b'))

    fake = SimpleNamespace(predict_clip=predict, prepare=lambda clip: None)
    stream = StreamingInferencer(fake, window=3, stride=1)
    for t in range(4):
        stream.push(np.full((1, 20, 3), t + 1.0), np.full((1, 20), t / 10))
    assert seen[-1].keypoint_score[0, :, 0].tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_tracker_bears_joints_that_are_not_finite() -> None:
    a = np.random.default_rng(0).normal(size=(25, 3))
    b, nobody = a + 5, np.full((25, 3), np.nan)
    torn = a.copy()
    torn[3] = np.inf
    tracker = PersonTracker(3)
    assert tracker.update(np.stack([a, b, nobody])).tolist() == [0, 1, 2]
    assert tracker.update(np.stack([b, torn])).tolist() == [1, 0]
