"""The command line of the inferencer on videos: each person gets a label, and the scene."""

import json
import runpy
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_preparation'))
from bright_people import SIZE, BrightPeople, picture, save_people
from free_port import free_port

from mmcl_ext.inference import MMCLInferencer, SkeletonClip
from mmcl_ext.inference.video_prediction import is_video, predict_video, takes_metres
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.videos.video import iter_frames

REPO = Path(__file__).resolve().parents[2]
FRAMES = 16


@pytest.fixture
def video(tmp_path):
    places = [(10 + t, 70 - t) if t > 3 else (10 + t,) for t in range(FRAMES)]
    return save_people(tmp_path / 'two.avi', places)


def infer(monkeypatch, *arguments):
    monkeypatch.setattr(
        'mmcl_ext.preparation.pose.pose_settings.build_pose_estimator',
        lambda name, **options: BrightPeople('blazepose', **options),
    )
    monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
    runpy.run_path(str(REPO / 'tools/infer.py'))['main']()


def test_every_person_has_a_label(utd, video, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out'
    infer(monkeypatch, video, '--model', utd['published'], '--out', out, '--top-k', 2)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split('  ')[0] for row in rows[:1]] == ['two']
    assert rows[1].startswith('  person 1, 0.0-1.0 s')
    assert rows[2].startswith('  person 2, 0.3-1.0 s')
    assert sorted(path.name for path in out.iterdir()) == [
        *('predictions.json', 'two_overlay.mp4', 'two_poses.json', 'two_poses.npy')
    ]
    [scene] = json.loads((out / 'predictions.json').read_text())['results']
    assert scene['video'] == dict(frames=FRAMES, fps=15, size=list(SIZE), problem=None)
    first, second = scene['persons']
    assert (first['person'], second['person']) == (1, 2)
    assert second['start'] == pytest.approx(4 / 15)

    # What was written is what was predicted: the files are clips of their own.
    inferencer = MMCLInferencer(utd['published'])
    metres = np.load(out / 'two_poses.npy')
    assert metres.shape == (2, FRAMES, 33, 3)
    again = inferencer.predict_clip(SkeletonClip('two', metres, 'blazepose'))
    np.testing.assert_allclose(again.pred_score, scene['pred_score'], rtol=1e-4, atol=1e-5)
    alone = inferencer.predict_clip(SkeletonClip('two', metres[1:, 4:], 'blazepose'))
    np.testing.assert_allclose(alone.pred_score, second['pred_score'], rtol=1e-4, atol=1e-5)
    pixels = SkeletonClip.from_pose_json(out / 'two_poses.json')
    assert (pixels.layout, pixels.keypoint.shape) == ('blazepose', (2, FRAMES, 33, 2))

    frames = [image for _, image in iter_frames(out / 'two_overlay.mp4')]
    assert len(frames) == FRAMES


def test_a_folder_of_images_is_a_video(utd, video, tmp_path, monkeypatch, capsys):
    folder = tmp_path / 'images'
    folder.mkdir()
    for t, (_, image) in enumerate(iter_frames(video)):
        assert cv2.imwrite(str(folder / f'{t}.png'), image)
    out = tmp_path / 'out'
    infer(monkeypatch, video, folder, '--model', utd['published'], '--out', out)
    film, images = json.loads((out / 'predictions.json').read_text())['results']
    assert images['video'] == film['video'] | dict(fps=30)
    assert images['pred_score'] == film['pred_score']
    assert len(list(iter_frames(out / 'images_overlay.mp4'))) == FRAMES
    (folder / 'a_000_keypoints.json').write_text('{"people": []}')
    assert not is_video(folder)


def test_segments_of_the_scene_and_of_each_person(utd, tmp_path, monkeypatch, capsys):
    """Somebody who leaves for long has no segment in between."""
    places = [(20 + t // 2, 70) if not 30 <= t < 50 else (70,) for t in range(90)]
    video, out = save_people(tmp_path / 'long.avi', places), tmp_path / 'out'
    options = ('--segments', '--window', 12, '--stride', 4, '--threshold', 1e-4)
    infer(monkeypatch, video, '--model', utd['published'], '--out', out, '--top-k', 1, *options)
    rows = capsys.readouterr().out.splitlines()
    [scene] = json.loads((out / 'predictions.json').read_text())['results']
    first, second = scene['persons']
    assert scene['segments'], first
    assert first['segments']
    heads = [i for i, row in enumerate(rows) if row.startswith('  person')]
    assert heads[0] == 1 + len(scene['segments'])
    assert rows[heads[1] + 1].startswith(f'    {second["segments"][0]["start"]:.1f}-')
    for value in second['segments']:  # fewer frames, so the second
        assert value['start'] == pytest.approx(value['start_frame'] / 15, abs=0.01)
        assert value['end_frame'] < 30 or value['start_frame'] >= 50
    assert (out / 'long_segments.png').stat().st_size > 1000


def test_nobody_is_an_error_and_the_others_go_on(utd, video, tmp_path, monkeypatch, capsys):
    empty = save_people(tmp_path / 'empty.avi', [()] * 6)
    (tmp_path / 'text.mp4').write_text('nothing')
    files = (empty, tmp_path / 'text.mp4', video)
    with pytest.raises(SystemExit) as exit_info:
        infer(monkeypatch, *files, '--model', utd['published'])
    assert exit_info.value.code == 1
    rows = capsys.readouterr().out.splitlines()
    assert 'error: nobody was found in the 6 frames' in rows[0]
    assert 'error: ' in rows[1]
    assert 'not a readable video' in rows[1]
    assert rows[2].startswith('two')


def test_mirrored_video_gives_the_mirrored_body(inferencer, video):
    estimator = BrightPeople('blazepose')
    plain, turned = (
        predict_video(inferencer, str(video), estimator, PoseSettings(mirrored=m))
        for m in (False, True)
    )
    one, other = plain.scene.clip.keypoint, turned.scene.clip.keypoint
    assert np.abs(one[0, 8, 11] - other[0, 8, 12] * (-1, 1, 1)).max() < 0.05  # left and right
    np.testing.assert_array_equal(plain.poses.keypoint, turned.poses.keypoint)  # as the video shows


def test_metres_or_pixels(inferencer):
    assert is_video('A.MP4')
    assert not is_video('a.npy')
    assert takes_metres(inferencer.info, metric=True)
    assert not takes_metres(inferencer.info, metric=False)
    assert inferencer.clip_defaults().metric
    assert not takes_metres(replace(inferencer.info, in_channels=2))
    assert not takes_metres(replace(inferencer.info, layout='coco'))


def test_wrong_settings(utd, video, monkeypatch):
    with pytest.raises(SystemExit, match='error: fill_gaps and smooth must not be negative'):
        infer(monkeypatch, video, '--model', utd['published'], '--smooth', '-1')


def test_a_video_is_a_stream(utd, video, monkeypatch, capsys):
    """Windows of a video are predicted like clips of its poses, with the shares of each stage."""
    monkeypatch.setattr(
        'mmcl_ext.preparation.pose.pose_settings.build_pose_estimator',
        lambda name, **options: BrightPeople('blazepose', **options),
    )
    options = ('--model', utd['published'], '--window', 12, '--stride', 4)
    monkeypatch.setattr(sys, 'argv', ['stream.py', *map(str, (video, *options))])
    runpy.run_path(str(REPO / 'tools/stream.py'))['main']()
    *rows, summary, shares = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ['0.73', '1.00']  # frames 11 and 15 of 15 a second
    assert summary.startswith('16 frames, 2 predictions; latency p50 ')
    assert shares.startswith('per frame: decode p50 ')
    assert ' ms, pose p50 ' in shares


def publish(url, frames):
    """Send somebody who walks to the RTSP receiver at an address, at 50 frames a second."""
    import av

    for _ in range(100):
        container = av.open(url, 'w', format='rtsp', options=dict(rtsp_transport='tcp'))
        stream = container.add_stream('mpeg4', rate=50)
        stream.width, stream.height = SIZE
        try:
            container.start_encoding()
            break
        except OSError:  # nobody listens yet
            time.sleep(0.1)
    with container:
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(10 + number % 60), format='bgr24')
            frame.pts = number
            container.mux(stream.encode(frame))
            time.sleep(0.02)
        container.mux(stream.encode())


def test_an_rtsp_address_is_a_stream(utd, monkeypatch, capsys):
    """Here OpenCV waits for the sender; a camera would wait for OpenCV."""
    pytest.importorskip('av')
    monkeypatch.setattr(
        'mmcl_ext.preparation.pose.pose_settings.build_pose_estimator',
        lambda name, **options: BrightPeople('blazepose', **options),
    )
    monkeypatch.setenv('OPENCV_FFMPEG_CAPTURE_OPTIONS', 'rtsp_flags;listen|listen_timeout;20')
    url = f'rtsp://127.0.0.1:{free_port()}/live'
    options = ('--model', utd['published'], '--window', 6, '--stride', 4)
    monkeypatch.setattr(sys, 'argv', ['stream.py', *map(str, (url, *options))])
    sender = threading.Thread(target=publish, args=(url, 50))
    sender.start()
    runpy.run_path(str(REPO / 'tools/stream.py'))['main']()
    sender.join()
    *rows, summary, shares = capsys.readouterr().out.splitlines()
    frames = int(summary.split()[0])
    assert 6 <= frames <= 50
    assert len(rows) == 1 + (frames - 6) // 4
    assert shares.startswith('per frame: decode p50 ')
