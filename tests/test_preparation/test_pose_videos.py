"""People followed through videos, ordinary and odd ones."""

import cv2
import numpy as np
import pytest
from bright_people import SIZE, BrightPeople, picture, save_people
from test_video import BACKENDS, turn

from mmcl_ext.preparation.pose import FramePoses, PoseTracks, estimate_video
from mmcl_ext.preparation.pose.temporal import fill_gaps, runs, smooth


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def save_with(path, images, codec='libx264', pix_fmt='yuv420p', times=None, container=None):
    """Encode images with PyAV; ``times`` in hundredths of a second."""
    av = pytest.importorskip('av')
    from fractions import Fraction

    with av.open(str(path), 'w', format=container) as file:
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = stream.time_base = Fraction(1, 100)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            frame.pts = 4 * number if times is None else times[number]
            frame.time_base = Fraction(1, 100)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def test_two_people_keep_their_rows(tmp_path):
    path = save_people(tmp_path / 'a.avi', [(10 + t, 70 - t) for t in range(12)])
    estimator = BrightPeople()
    poses = estimate_video(path, estimator)
    assert poses.keypoint.shape == (2, 12, 17, 2)
    assert poses.world.shape == (2, 12, 17, 3)
    assert (poses.name, poses.size, poses.layout, poses.problem) == ('a', SIZE, 'coco', None)
    first = poses.keypoint[:, :, 0, 0]
    rows = first[np.argsort(first[:, 0])]
    np.testing.assert_allclose(rows, [10 + np.arange(12), 70 - np.arange(12)], atol=1)
    assert poses.fps == pytest.approx(15, rel=0.02)
    assert estimator.resets == 1
    np.testing.assert_allclose(poses.boxes()[0, 0, 2:] - poses.boxes()[0, 0, :2], (12, 30), atol=2)


def test_nobody(tmp_path, backend):
    path = save_people(tmp_path / 'a.avi', [()] * 8)
    poses = estimate_video(path, BrightPeople(), backend=backend)
    assert poses.keypoint.shape == (0, 8, 17, 2)
    assert poses.present.shape == (0, 8)


def test_somebody_who_comes_back_soon_is_the_same(tmp_path, backend):
    places = [(20,)] * 8 + [()] * 4 + [(24,)] * 8
    path = save_people(tmp_path / 'a.avi', places)
    poses = estimate_video(path, BrightPeople(), backend=backend)
    assert runs(poses.present[0]) == [(0, 8), (12, 20)]
    assert len(poses.keypoint) == 1
    filled = poses.filled(4)
    assert runs(filled.present[0]) == [(0, 20)]
    np.testing.assert_allclose(filled.keypoint[0, 8:12, 0, 0], 20 + 4 * np.arange(1, 5) / 5, atol=1)
    assert runs(poses.filled(3).present[0]) == [(0, 8), (12, 20)]
    assert len(estimate_video(path, BrightPeople(), max_gap=2).keypoint) == 2


def test_a_false_alarm_is_left_out(tmp_path):
    places = [(10,)] * 10 + [(10, 80)] * 2 + [(10,)] * 10
    poses = estimate_video(save_people(tmp_path / 'a.avi', places), BrightPeople())
    assert len(poses.keypoint) == 1


def test_one_frame(tmp_path, backend):
    path = save_people(tmp_path / 'a.avi', [(10,)])
    poses = estimate_video(path, BrightPeople(), backend=backend)
    assert poses.keypoint.shape == (1, 1, 17, 2)
    assert poses.fps == 30


@pytest.mark.parametrize('ending', ['.png', '.jpg'])
def test_picture_that_is_called_a_video(tmp_path, backend, ending):
    path = tmp_path / 'picture.mp4'
    path.write_bytes(cv2.imencode(ending, picture(30))[1].tobytes())
    poses = estimate_video(path, BrightPeople(), backend=backend)
    assert poses.keypoint.shape == (1, 1, 17, 2)


def test_turned_by_metadata(tmp_path, backend):
    path = save_with(tmp_path / 'a.mp4', [picture(30)] * 6)
    turn(path, 90)
    estimator = BrightPeople()
    poses = estimate_video(path, estimator, backend=backend)
    assert set(estimator.shapes) == {(96, 64, 3)}
    assert poses.size == (64, 96)
    width, height = poses.boxes()[0, 0, 2:] - poses.boxes()[0, 0, :2]
    assert (width, height) == (pytest.approx(30, abs=3), pytest.approx(12, abs=3))


@pytest.mark.parametrize(
    ('name', 'codec'), [('a.mkv', 'libx264'), ('a.mp4', 'libx264'), ('a.webm', 'libvpx')]
)
def test_variable_frame_rate(tmp_path, backend, name, codec):
    times = [0, 4, 8, 40, 44, 90]
    path = save_with(tmp_path / name, [picture(30)] * 6, codec, times=times)
    poses = estimate_video(path, BrightPeople(), backend=backend)
    np.testing.assert_allclose(poses.times, np.array(times) / 100, atol=2e-3)
    assert poses.fps == pytest.approx(5 / 0.9, rel=0.01)


@pytest.mark.parametrize(
    ('codec', 'pixels'),
    [('libx264', 'gray'), ('libx264', 'yuv420p10le'), ('libx265', 'yuv420p10le')],
)
def test_grey_and_ten_bits(tmp_path, backend, codec, pixels):
    pytest.importorskip('av')
    try:
        path = save_with(tmp_path / 'a.mkv', [picture(30)] * 6, codec, pixels)
    except Exception as error:  # of an encoder that this build of FFmpeg lacks
        pytest.skip(f'{codec} cannot write {pixels}: {error}')
    poses = estimate_video(path, BrightPeople(), backend=backend)
    assert poses.keypoint.shape == (1, 6, 17, 2)
    np.testing.assert_allclose(poses.boxes()[0, 0], (30, 16, 42, 46), atol=1)


def test_video_that_breaks_off(tmp_path, backend):
    """Frames before the break are used; a broken frame is an error or the end."""
    path = save_people(tmp_path / 'a.avi', [(30,)] * 20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    poses = estimate_video(path, BrightPeople(), backend=backend)
    assert 3 <= len(poses.times) < 20
    assert poses.problem is None or 'its first' in poses.problem


def test_mp4_that_breaks_off_has_no_index(tmp_path, backend):
    path = save_with(tmp_path / 'a.mp4', [picture(30)] * 20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r'a\.mp4: not a readable video'):
        estimate_video(path, BrightPeople(), backend=backend)


def test_frames_before_an_error_are_used(tmp_path, monkeypatch):
    def frames(source, backend):
        yield from ((t / 10, picture(30)) for t in range(7))
        raise ValueError(f'{source}: damaged')

    monkeypatch.setattr('mmcl_ext.preparation.pose.video_poses.iter_frames', frames)
    poses = estimate_video(tmp_path / 'a.mp4', BrightPeople())
    assert poses.keypoint.shape[1] == 7
    assert (
        poses.problem
        == f'{tmp_path / "a.mp4"}: damaged; only 7 frames at its beginning could be read'
    )


def test_sound_alone(tmp_path, backend):
    """PyAV alone can tell that there is sound."""
    av = pytest.importorskip('av')
    path = tmp_path / 'sound.mp4'
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('aac', rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        frame.sample_rate = 16000
        for number in range(4):
            frame.pts = 1024 * number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    reason = 'no video: .* only sound' if backend == 'pyav' else 'not a readable video'
    with pytest.raises(ValueError, match=rf'sound\.mp4: {reason}'):
        estimate_video(path, BrightPeople(), backend=backend)


def test_no_video(tmp_path, backend):
    (tmp_path / 'text.mp4').write_text('nothing')
    with pytest.raises(ValueError, match=r'text\.mp4: not a readable video'):
        estimate_video(tmp_path / 'text.mp4', BrightPeople(), backend=backend)


def test_numbers_are_never_given_twice():
    """People come, cross and go; whoever comes late is somebody new."""
    tracks = PoseTracks('coco', max_gap=3)
    body = np.linspace(0, 30, 17)[:, None].repeat(2, axis=1)

    def add(*lefts):
        joints = np.array([body + np.array([left, 0]) for left in lefts], np.float32).reshape(
            -1, 17, 2
        )
        return tracks.add(FramePoses(joints, np.ones((len(lefts), 17), np.float32)))

    assert add(0, 200) == [0, 1]
    assert add(205, 5) == [1, 0]
    for _ in range(5):
        assert add(5) == [0]
    assert add(205, 5) == [2, 0]
    poses = tracks.poses('a', (300, 100), range(8))
    assert len(poses.keypoint) == 1  # the others were there too short
    assert poses.world is None
    with pytest.raises(ValueError, match='in pixels only'):
        poses.in_camera()


def test_mirrored_video_is_turned_into_the_true_body(tmp_path):
    poses = estimate_video(save_people(tmp_path / 'a.avi', [(10,)] * 6), BrightPeople())
    other = poses.mirrored()
    np.testing.assert_allclose(other.keypoint[0, :, 6, 0], SIZE[0] - poses.keypoint[0, :, 5, 0])
    np.testing.assert_allclose(other.world[0, :, 6, 0], -poses.world[0, :, 5, 0])
    np.testing.assert_allclose(other.mirrored().keypoint, poses.keypoint, atol=1e-4)


def test_smoothing_keeps_parabolas_and_takes_noise_away():
    frames = np.arange(30.0)
    curve = np.stack([frames**2, 3 * frames], axis=-1)
    present = (frames < 12) | (frames > 15)
    noise = np.random.default_rng(0).normal(size=curve.shape)
    values = curve.copy()
    smooth(values, present, 7)
    np.testing.assert_allclose(values, curve, atol=1e-9)
    noisy = curve + noise
    smooth(noisy, present, 9)
    assert np.abs(noisy - curve)[present].mean() < 0.7 * np.abs(noise)[present].mean()
    np.testing.assert_array_equal(noisy[~present], (curve + noise)[~present])


def test_gap_before_the_first_and_after_the_last_stay():
    values = np.array([0.0, 1, 0, 0, 4, 0])
    present = np.array([False, True, False, False, True, False])
    assert fill_gaps(values, present, 2).tolist() == [False, True, True, True, True, False]
    np.testing.assert_allclose(values, [0, 1, 2, 3, 4, 0])
