"""Temporal localisation: actions of long recordings whose boundaries are known."""

import itertools
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES, read_utdmhad_skeleton
from mmcl_ext.datasets.network_input import network_input
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.inference import MMCLInferencer, SkeletonClip
from mmcl_ext.inference.predictors import ExportedPredictor
from mmcl_ext.inference.segments import (
    SegmentSettings,
    find_segments,
    frame_scores,
    localize,
    window_starts,
)

REPO = Path(__file__).resolve().parents[2]
ACTIONS = (2, 4, 12, 15, 20, 21, 26)  # wave, throw, boxing, arm curl, pick up, jog, squat


def trapezoids(*spans, frames=200, classes=3, height=0.9):
    """Scores (T, K) of actions (start, end, label), with soft edges of ten frames."""
    probability = np.full((frames, classes), 0.03, np.float32)
    t = np.arange(frames)
    for start, end, label in spans:
        rise = np.clip((np.minimum(t - start, end - 1 - t) + 5) / 10, 0, 1) * height
        probability[:, label] = np.maximum(probability[:, label], rise)
    return probability


def ends(segments):
    return [(segment.start, segment.end, segment.label) for segment in segments]


def test_windows_cover_every_frame_and_end_with_the_last():
    assert window_starts(100, 30, 20) == [0, 20, 40, 60, 70]
    assert window_starts(30, 30, 20) == [0]


def test_a_frame_has_most_of_the_window_in_whose_middle_it_lies():
    scores = np.eye(3, dtype=np.float32)
    frames = frame_scores(scores, [0, 10, 20], 21, 41)
    np.testing.assert_allclose(frames.sum(axis=1), 1, rtol=1e-5)
    assert frames.argmax(axis=1)[[0, 10, 20, 30, 40]].tolist() == [0, 0, 1, 2, 2]
    assert frames[20, 1] > 0.9
    np.testing.assert_allclose(frames[15, :2], 0.5, atol=0.02)


def test_boundaries_lie_in_the_middle_of_the_edges():
    wanted = [(20, 60, 0), (90, 130, 2), (150, 190, 0)]
    found = find_segments(trapezoids(*wanted), SegmentSettings())
    assert [segment.label for segment in found] == [0, 2, 0]
    gaps = np.array(ends(found))[:, :2] - np.array(wanted)[:, :2]
    assert np.abs(gaps).max() <= 4
    assert all(0.7 < segment.score <= 0.9 for segment in found)


def test_of_overlapping_segments_the_clearer_one_stays():
    scores = trapezoids((40, 120, 0)) + trapezoids((60, 100, 1), height=0.55)
    found = find_segments(scores, SegmentSettings())
    assert [segment.label for segment in found] == [0]
    both = find_segments(scores, SegmentSettings(overlap=0.99))
    assert {segment.label for segment in both} >= {0}
    apart = trapezoids((20, 80, 0), (70, 140, 1))  # 10 frames in common
    assert [s.label for s in find_segments(apart, SegmentSettings())] == [0, 1]


def test_nothing_below_the_threshold_or_shorter_than_a_stride():
    assert find_segments(trapezoids((20, 60, 0), height=0.4), SegmentSettings()) == []
    assert len(find_segments(trapezoids((20, 60, 0), height=0.4), SegmentSettings(threshold=0.3)))
    short = trapezoids((50, 56, 1))
    assert find_segments(short, SegmentSettings(stride=32)) == []


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(stride=0), 'stride is from 1 to window, got stride 0'),
        (dict(window=8), 'got stride 16 and window 8'),
        (dict(threshold=1), 'threshold lies between 0 and 1'),
        (dict(overlap=1), 'overlap is at least 0 and below 1'),
    ],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        SegmentSettings(**wrong)


# Real clips


class LinearModel:
    """Ridge regression on means, spreads and speeds of the joints of prepared windows."""

    def __init__(self, inputs, labels, num_classes):
        features = self._features(inputs)
        self.mean, self.spread = features.mean(axis=0), features.std(axis=0) + 0.02
        rows = (features - self.mean) / self.spread
        kernel = rows @ rows.T
        ridge = kernel + 0.02 * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
        self.weights = rows.T @ np.linalg.solve(ridge, np.eye(num_classes)[labels])

    def __call__(self, inputs):
        return 10 * (self._features(inputs) - self.mean) / self.spread @ self.weights

    def _features(self, inputs):
        joints = inputs.reshape(len(inputs), 64, -1).astype(np.float64)
        speed = 5 * np.abs(np.diff(joints, axis=1)).mean(axis=1)
        limits = [np.quantile(joints, q, axis=1) for q in (0.1, 0.9)]
        return np.concatenate([joints.mean(axis=1), joints.std(axis=1), speed, *limits], axis=1)


@pytest.fixture(scope='module')
def real(shared, utd):
    """Clips of UTD-MHAD by action, subject and trial, and a model fitted to the odd subjects."""
    archive = shared / 'datasets/utd_mhad/Skeleton.zip'
    inferencer = MMCLInferencer(utd['published'])
    clips = {}
    for action, subject, trial in itertools.product(ACTIONS, range(1, 9), (1, 2)):
        name = f'a{action + 1}_s{subject}_t{trial}'
        joints = read_utdmhad_skeleton(ArchiveFile(archive, f'Skeleton/{name}_skeleton.mat'))
        clips[action, subject, trial] = SkeletonClip(name, joints, 'kinect_v1')
    inputs, labels = [], []
    for (action, subject, _), clip in clips.items():
        for start in range(0, max(clip.keypoint.shape[1] - 47, 1), 16) if subject % 2 else ():
            inputs.append(network_input(inferencer.prepare(clip.cut(start, start + 48))))
            labels.append(action)
    model = LinearModel(np.stack(inputs), labels, len(UTDMHAD_CLASSES))
    inferencer.predictor = ExportedPredictor(model)
    return clips, inferencer


def recording(clips, subject, order):
    """All actions of a subject one after the other, and where they begin and end."""
    parts = [clips[action, subject, 1].keypoint for action in order]
    bounds = np.cumsum([0, *(part.shape[1] for part in parts)]).tolist()
    clip = SkeletonClip('long', np.concatenate(parts, axis=1), 'kinect_v1')
    return clip, list(zip(bounds[:-1], bounds[1:], order, strict=True))


def overlap(one, other):
    shared = max(min(one[1], other[1]) - max(one[0], other[0]), 0)
    return shared / (max(one[1], other[1]) - min(one[0], other[0]))


def test_actions_of_real_recordings(real):
    """Of subjects that the model has not seen, most actions are found in their places."""
    clips, inferencer = real
    generator = np.random.default_rng(0)
    hits = turned = found_count = true_count = 0
    for subject in (2, 4, 6, 8):
        clip, spans = recording(clips, subject, generator.permutation(ACTIONS).tolist())
        found = ends(localize(inferencer, clip, SegmentSettings(window=48, stride=8)).segments)
        hits += sum(any(s[2] == f[2] and overlap(s, f) >= 0.5 for f in found) for s in spans)
        frames = clip.keypoint.shape[1]  # the same segments from the end, as a control
        back = [(frames - end, frames - start, label) for start, end, label in found]
        turned += sum(any(s[2] == f[2] and overlap(s, f) >= 0.5 for f in back) for s in spans)
        found_count, true_count = found_count + len(found), true_count + len(spans)
    assert true_count == 28
    assert hits >= 0.8 * true_count
    assert hits >= 0.7 * found_count
    assert turned <= 0.3 * true_count


def test_nobody_between_two_actions(real):
    """Frames without a person belong to no segment, and what is short of a window is one."""
    clips, inferencer = real
    one = clips[2, 2, 1].keypoint
    gap = np.zeros((1, 60, *one.shape[2:]), np.float32)
    clip = SkeletonClip('gap', np.concatenate([one, gap, one], axis=1), 'kinect_v1')
    settings = SegmentSettings(window=40, stride=8)
    found = localize(inferencer, clip, settings)
    length = one.shape[1]
    assert not found.probability[length : length + 60].any()
    assert [s.label for s in found.segments] == [2, 2]
    assert found.segments[0].end <= length
    assert found.segments[1].start >= length + 60
    short = localize(inferencer, clips[2, 2, 1].cut(0, 20), settings)
    assert short.probability.shape == (20, len(UTDMHAD_CLASSES))
    nobody = SkeletonClip('nobody', np.zeros_like(one), 'kinect_v1')
    with pytest.raises(ValueError, match='nobody is in it'):
        localize(inferencer, nobody, settings)


def infer(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
    runpy.run_path(str(REPO / 'tools/infer.py'))['main']()


def test_command_line(utd, walk, tmp_path, monkeypatch, capsys):
    """A table, the JSON file and a picture; in frames, or in seconds where --fps tells."""
    np.save(tmp_path / 'long.npy', np.tile(walk, (1, 6, 1, 1)))
    options = ('--segments', '--window', 32, '--threshold', 0.01, '--fps', 10)
    command = (tmp_path / 'long.npy', '--model', utd['published'], *options)
    infer(monkeypatch, *command, '--out', tmp_path / 'out')
    rows = capsys.readouterr().out.splitlines()
    [result] = json.loads((tmp_path / 'out/predictions.json').read_text())['results']
    assert result['segments']
    for row, value in zip(rows[1:], result['segments'], strict=False):
        assert value['start'] == value['start_frame'] / 10
        assert value['start_frame'] < value['end_frame'] < 180
        span = f'  {value["start"]:.1f}-{value["end"]:.1f} s'
        assert row == f'{span:24}  {value["label_name"]} {value["score"]:.3f}'
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        *('long.png', 'long_segments.png', 'predictions.json')
    ]
    infer(monkeypatch, *command[:-4], '--threshold', 0.999)
    assert capsys.readouterr().out.splitlines()[1:] == ['  no segment']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--window', 32), '--window needs --segments'),
        (('--fps', 25), '--fps needs --segments'),
        (('--segments', '--fps', 0), '--fps must be positive'),
        (('--segments', '--window', 8), 'got stride 16 and window 8'),
    ],
)
def test_wrong_options_are_told_before_anything_is_read(options, message, monkeypatch):
    with pytest.raises(SystemExit, match=message):
        infer(monkeypatch, 'missing.npy', '--model', 'missing.pth', *options)
