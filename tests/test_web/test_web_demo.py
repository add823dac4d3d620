"""What the page shows, without the page."""

import base64
import io
import logging
import re
import runpy
import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tool_module import load_tool, run_main

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_preparation'))
from bright_people import SIZE, BrightPeople, save_people

from mmcl_ext.inference import MMCLInferencer, SkeletonClip, StreamingInferencer
from mmcl_ext.inference.relevance import joint_relevance
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.visualization.overlay import overlay_frames
from mmcl_ext.visualization.score_plot import draw_timeline
from mmcl_ext.web import html
from mmcl_ext.web.clip_library import PickedClip
from mmcl_ext.web.page import FROM_FILE, Page
from mmcl_ext.web.score_timeline import score_timeline
from mmcl_ext.web.server import check_address, is_local, launch
from mmcl_ext.web.video_uploads import look, unpacked
from mmcl_ext.web.web_demo import WebDemo

REPO = Path(__file__).resolve().parents[2]


# Scores over time


def test_timeline_is_that_of_the_windows_as_clips(inferencer, walk):
    clip = SkeletonClip('walk', walk, 'kinect_v1')
    timeline = score_timeline(inferencer, clip, window=10, points=6)
    assert timeline.frames.tolist() == [9, 13, 17, 21, 25, 29]
    for frame, row in zip(timeline.frames, timeline.probability, strict=True):
        part = replace(clip, keypoint=walk[:, frame - 9 : frame + 1])
        assert np.allclose(row, inferencer.predict_clip(part).probability, atol=1e-6)


@pytest.mark.parametrize(('frames', 'window', 'count'), [(1, 1, 1), (2, 1, 2), (9, 4, 6)])
def test_timeline_of_short_clips(inferencer, walk, frames, window, count):
    clip = SkeletonClip('walk', walk[:, :frames], 'kinect_v1')
    timeline = score_timeline(inferencer, clip, window=48)
    assert (timeline.window, timeline.num_frames, len(timeline.frames)) == (window, frames, count)
    assert np.allclose(timeline.probability.sum(axis=1), 1, atol=1e-5)


def test_timeline_leaves_out_windows_without_anybody(inferencer, walk):
    keypoint = walk.copy()
    keypoint[:, 12:] = 0
    timeline = score_timeline(inferencer, SkeletonClip('walk', keypoint), window=5, points=30)
    assert timeline.frames.tolist() == list(range(4, 16))


def test_timeline_is_bounded(inferencer, walk):
    clip = SkeletonClip('long', np.tile(walk, (1, 12, 1, 1)))  # 360 frames
    timeline = score_timeline(inferencer, clip, window=48, points=5)
    assert len(timeline.frames) <= 5
    with pytest.raises(ValueError, match='points at least 2'):
        score_timeline(inferencer, clip, points=1)


def test_streams_hand_on_what_transforms_ask_for(inferencer, walk, monkeypatch):
    seen = []
    prepare = inferencer.prepare

    def spy(clip):
        seen.append(dict(clip.extra))
        return prepare(clip)

    monkeypatch.setattr(inferencer, 'prepare', spy)
    stream = StreamingInferencer(inferencer, window=2, stride=1, extra=dict(img_shape=(480, 640)))
    for frame in walk[0, :3]:
        stream.push(frame)
    assert seen == [dict(img_shape=(480, 640))] * 3  # the first frame's check, two windows


def test_plot_of_a_timeline():
    axes = Figure().subplots()
    frames = np.array([3, 5, 7])
    probability = np.array([[0.1, 0.7, 0.0, 0.2], [0.2, 0.6, 0.0, 0.2], [0.8, 0.1, 0.0, 0.1]])
    names = ['a', 'b', 'c', 'd']
    assert draw_timeline(axes, frames, probability, names, num_frames=9, top=2) == [0, 1]
    assert [line.get_label() for line in axes.lines] == ['a', 'b']
    assert axes.lines[1].get_xdata().tolist() == [4, 6, 8]
    assert np.allclose(axes.lines[1].get_ydata(), probability[:, 1])
    assert axes.get_xlim() == (1, 9)
    axes = Figure().subplots()
    assert draw_timeline(axes, frames, probability, names, 2, num_frames=9, top=2) == [0, 2]
    widths = [line.get_linewidth() for line in axes.lines]
    assert widths[1] > widths[0], 'the true class is broader'
    with pytest.raises(ValueError, match='at least one frame'):
        draw_timeline(axes, frames[:0], probability[:0], names, num_frames=9)
    with pytest.raises(ValueError, match='top'):
        draw_timeline(axes, frames, probability, names, num_frames=9, top=7)


# Views


def data_of(markup, kind):
    found = re.search(rf'src="data:{re.escape(kind)};base64,([^"]+)"', markup)
    assert found, markup[:200]
    return base64.b64decode(found[1])


def test_views_of_a_clip(demo, inferencer, library, walk):
    picked = library.pick('clips', 's2')
    first, second = demo.show(picked)
    expected = inferencer(picked.clip)[0]
    name = expected.label_name.replace('<', '&lt;').replace('>', '&gt;')
    assert f'<span class="mmcl-best">{name}</span>' in first.head
    assert f'{expected.top(1)[0][1]:.1%}' in first.head
    assert 'true class: <b>&lt;b&gt;jump&lt;/b&gt;</b>' in first.head
    assert '32 frames, 1 person' in first.head
    rows = re.findall(r'<td class="mmcl-number">([\d.]+)</td>', first.scores)
    assert rows == [f'{p:.3f}' for _, p in expected.top(5)]
    motion = Image.open(io.BytesIO(data_of(first.motion, 'image/gif')))
    assert motion.n_frames == 32
    composite = Image.open(io.BytesIO(data_of(first.composite, 'image/jpeg')))
    assert composite.size == (360, 360)
    assert first.timeline == ''
    assert b'<svg' in data_of(second.timeline, 'image/svg+xml')
    assert replace(second, timeline='') == first


def test_relevance_of_the_joints_is_a_last_step(demo, library, monkeypatch):
    monkeypatch.setattr('mmcl_ext.web.web_demo.joint_relevance', partial(joint_relevance, blocks=1))
    *_, second, third = demo.show(library.pick('clips', 's2'), explain=True)
    assert second.relevance == ''
    assert b'<svg' in data_of(third.relevance, 'image/svg+xml')
    assert replace(third, relevance='') == second


@pytest.fixture
def video(tmp_path, monkeypatch):
    """Two people of a video, one of them late, looked at in this process."""
    monkeypatch.setattr(
        'mmcl_ext.preparation.pose.pose_settings.build_pose_estimator',
        lambda name, **options: BrightPeople('blazepose', **options),
    )
    monkeypatch.setattr('mmcl_ext.web.video_uploads._SHOWN_FRAMES', 10)
    monkeypatch.setattr('mmcl_ext.web.web_demo.joint_relevance', partial(joint_relevance, blocks=1))
    places = [(10 + t, 70 - t) if t > 4 else (10 + t,) for t in range(23)]
    return save_people(tmp_path / 'two.avi', places)


def test_views_of_a_video(demo, video, monkeypatch):
    """Overlay, a line and a plot for each person; the joints that speak for the class."""
    drawn = []

    def overlay(images, keypoint, *args):
        drawn.append(keypoint)
        return overlay_frames(images, keypoint, *args)

    monkeypatch.setattr('mmcl_ext.web.web_demo.overlay_frames', overlay)
    uploaded = unpacked(look(video, PoseSettings()))
    assert (uploaded.step, len(uploaded.frames)) == (2, 12)
    first, second, *_, last = demo.show(uploaded, explain=True)
    moving = Image.open(io.BytesIO(data_of(first.motion, 'image/webp')))
    assert (moving.n_frames, moving.size) == (12, SIZE)
    lines = re.findall(r'<th scope="row">(person [^<]+)</th>', first.scores)
    assert lines == ['person 1, 0.0-1.5 s', 'person 2, 0.3-1.5 s']
    assert second.timeline.count('data:image/svg+xml') == 2
    assert 'person 2, 0.3-1.5 s' in second.timeline
    assert last.relevance.count('data:image/svg+xml') == 2
    assert replace(last, relevance='') == second
    np.testing.assert_array_equal(drawn[0], uploaded.poses.keypoint[:, ::2])


def test_video_without_people(demo, tmp_path, video):
    empty = unpacked(look(save_people(tmp_path / 'empty.avi', [()] * 6), PoseSettings()))
    with pytest.raises(ValueError, match='nobody was found in the 6 frames of empty'):
        list(demo.show(empty))


def test_videos_are_looked_at_in_a_process_with_limits(demo, tmp_path, video, monkeypatch):
    """What it says is shown without folders, and the upload is gone."""
    calls = []

    def call(work, path, settings, limits):
        calls.append(limits)
        return work(path, settings)

    monkeypatch.setattr('mmcl_ext.web.video_uploads.call_limited', call)
    page = Page(demo)
    clips, status = page.take_upload(str(video), FROM_FILE)
    assert 'two: 2 persons found. The file is deleted.' in status
    assert not video.exists()
    *_, shown = page.show_upload(clips, None)
    assert 'image/svg+xml' in shown[3]
    (tmp_path / 'text.mp4').write_text('nothing')
    clips, status = page.take_upload(str(tmp_path / 'text.mp4'), FROM_FILE)
    assert clips == []
    assert 'text.mp4: not a readable video' in status
    assert str(tmp_path) not in status
    (tmp_path / 'large.mp4').write_bytes(bytes(2 * 2**20))
    assert 'the limit is 1.0 MiB' in page.take_upload(str(tmp_path / 'large.mp4'), FROM_FILE)[1]
    assert len(calls) == 2
    assert calls[0].memory < 2**33
    assert list(tmp_path.iterdir()) == []


def test_verdict():
    right = html.headline('clip', 'wave', 0.5, 'wave', '3 frames')
    wrong = html.headline('clip', 'wave', 0.5, 'clap', '3 frames')
    unknown = html.headline('clip', 'wave', 0.5, None, '3 frames')
    assert 'mmcl-right">correct' in right
    assert 'mmcl-wrong">wrong' in wrong
    assert 'true class' not in unknown


def test_long_clips_and_many_persons_are_drawn_in_part(demo, walk):
    long = np.tile(walk, (1, 11, 1, 1))  # 330 frames
    crowd = np.concatenate([long + i for i in range(10)])
    view = next(demo.show(PickedClip(SkeletonClip('crowd', crowd))))
    motion = Image.open(io.BytesIO(data_of(view.motion, 'image/gif')))
    assert motion.n_frames == 110
    assert 'one frame of 3' in view.motion
    assert '330 frames, 10 persons' in view.head


def test_clip_with_another_layout_and_gaps(model, library, walk):
    demo = WebDemo(MMCLInferencer(model, fill_missing=True), library, window=10)
    keypoint = np.random.default_rng(0).normal(size=(1, 30, 25, 3)).astype('f4')
    keypoint[0, 3, 7] = np.nan
    _, second = demo.show(PickedClip(SkeletonClip('ntu', keypoint, 'nturgb+d')))
    assert 'data:image/svg+xml' in second.timeline


def test_names_from_outside_are_escaped(demo, walk):
    evil = '<img src=x onerror=alert(1)>'
    for view in demo.show(PickedClip(SkeletonClip(evil, walk), evil, np.zeros((9, 9, 3), 'u1'))):
        for markup in vars(view).values():
            assert '<img src=x' not in markup
        assert '&lt;img src=x onerror=alert(1)&gt;' in view.head
    assert '<img' not in html.message(evil)


def test_numbers_of_the_demo_are_checked(inferencer, library):
    with pytest.raises(ValueError, match="'window': 0"):
        WebDemo(inferencer, library, window=0)


def test_model_card(inferencer):
    card = html.model_card(inferencer.info)
    for fact in ('CTRGCN', '27', 'kinect_v1 (20), 3 coordinates', 'top1 88.14', 'none'):
        assert f'<td>{fact}</td>' in card


# Handlers of the page


def test_choices_follow_each_other(demo):
    page = Page(demo)
    splits, classes, names = page.choices('clips')
    assert (splits[0], classes[0], names) == ('xsub_test', 'wave', ['s3'])
    assert page.choices('clips', 'all')[2] == ['s0', 's3']
    assert page.choices('clips', 'all', 'clap')[2] == ['s1', 's4']


def test_example_is_shown_in_three_steps(demo, inferencer, library):
    busy, first, second = Page(demo).show_example('clips', 's3')
    assert 'Predicting' in busy[0]
    assert not any(busy[1:])
    best = inferencer(library.pick('clips', 's3').clip)[0].label_name
    assert html.escape(best) in first[0]
    assert 'windows' in first[3]
    assert 'image/svg+xml' in second[3]


def test_what_goes_wrong_is_said_in_the_page(demo, walk, monkeypatch, caplog):
    page = Page(demo)
    [nothing] = page.show_example('clips', None)
    assert 'Pick a clip first' in nothing[0]
    *_, unknown = page.show_example('clips', 's99')
    assert 'role="alert"' in unknown[0]
    assert 's99' in unknown[0]
    assert not any(unknown[1:])
    *_, empty = page.show_upload([SkeletonClip('still', 0 * walk)], 0)
    assert 'nobody is in it' in empty[0]
    [none] = page.show_upload([], None)
    assert 'Upload a file first' in none[0]

    def fail(clip):
        raise RuntimeError('a secret of the server')

    monkeypatch.setattr(demo.inferencer, 'predict_clip', fail)
    with caplog.at_level(logging.ERROR):
        *_, failed = page.show_example('clips', 's3')
    assert 'log of the server' in failed[0]
    assert 'secret' not in failed[0]
    assert 'a secret of the server' in caplog.text


def test_upload_handler(demo, tmp_path, walk):
    page = Page(demo)
    np.save(tmp_path / 'walk.npy', walk)
    clips, status = page.take_upload(str(tmp_path / 'walk.npy'), FROM_FILE)
    assert [clip.name for clip in clips] == ['walk']
    assert '1 clip read' in status
    *_, shown = page.show_upload(clips, None)
    assert 'image/svg+xml' in shown[3]
    np.save(tmp_path / 'walk.npy', walk)
    clips, status = page.take_upload(str(tmp_path / 'walk.npy'), 'nturgb+d')
    assert clips == []
    assert 'V = 25' in status
    assert list(tmp_path.iterdir()) == []
    assert page.take_upload(None, FROM_FILE)[0] == []


# Serving


def test_a_port_in_use_is_told_in_one_line(repo, monkeypatch, capsys):
    tool = load_tool(repo / 'tools/web.py')
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        words = ['--model', 'nowhere.pth', '--port', port]
        status, _, error = run_main(tool, words, monkeypatch, capsys)
    assert status == 1
    assert error.startswith(f'error: cannot listen at 127.0.0.1, port {port}: ')
    assert error.count('\n') == 1


def test_addresses():
    assert is_local('127.0.0.1')
    assert is_local('::1')
    assert is_local('localhost')
    assert not is_local('0.0.0.0')
    assert not is_local('example.org')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        with pytest.raises(OSError, match='cannot listen at 127'):
            check_address('127.0.0.1', taken.getsockname()[1])
    for port in (0, 99999):
        with pytest.raises(ValueError, match=f'1 to 65535, got {port}'):
            check_address('127.0.0.1', port)


def test_missing_gradio_is_named(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(ImportError, match=r'requirements/web\.txt'):
        launch(demo, '127.0.0.1', 7860)


def test_tool_names_a_missing_model(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, 'argv', ['web.py', '--model', str(tmp_path / 'missing.pth')])
    with pytest.raises(SystemExit, match=r'error: there is no checkpoint .*missing\.pth'):
        runpy.run_path(str(REPO / 'tools/web.py'))['main']()
