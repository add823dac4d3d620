import importlib.util
import zipfile

import cv2
import numpy as np
import pytest
from utd_raw import skeleton

from mmcl_ext.preparation import video
from mmcl_ext.preparation.utd_video import UTDVideoSource, skeleton_frames
from mmcl_ext.preparation.video import count_frames, read_frames

BACKENDS = [
    'opencv',
    pytest.param(
        'pyav',
        marks=pytest.mark.skipif(
            importlib.util.find_spec('av') is None, reason='PyAV is not installed'
        ),
    ),
]


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    monkeypatch.setattr(video, 'has_pyav', lambda: request.param == 'pyav')
    return request.param


def save_video(path, frames, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15, size)
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.full((size[1], size[0], 3), 10 * index, np.uint8))
    writer.release()
    return path


def test_frames_come_in_the_order_asked_for(tmp_path, backend):
    path = save_video(tmp_path / 'clip.avi', 20)
    assert count_frames(path) == 20
    frames = read_frames(path, [3, 17, 3, 0])
    assert frames[0].shape == (48, 64, 3)
    np.testing.assert_allclose([frame.mean() for frame in frames], [30, 170, 30, 0], atol=2)


def test_frame_after_the_end_is_named(tmp_path, backend):
    path = save_video(tmp_path / 'clip.avi', 6)
    with pytest.raises(ValueError, match=r'clip.avi: frames \[6, 9\]'):
        read_frames(path, [2, 9, 6])
    with pytest.raises(ValueError, match='frame -1'):
        read_frames(path, [-1])


def test_file_that_is_no_video_is_named(tmp_path, backend):
    (tmp_path / 'clip.avi').write_bytes(b'no video' * 100)
    with pytest.raises(ValueError, match=r'clip.avi: not a readable video'):
        count_frames(tmp_path / 'clip.avi')


def test_real_clip(shared, backend):
    path = shared / 'datasets/mmaction2_samples/demo_skeleton.mp4'
    count = count_frames(path)
    first, last = read_frames(path, [0, count - 1])
    assert first.shape == last.shape
    assert np.abs(first.astype(int) - last).mean() > 1
    with pytest.raises(ValueError, match='ends before'):
        read_frames(path, [count])


def test_video_frames_follow_the_skeleton_with_a_lag_of_three():
    # As many video frames as skeleton frames: the lag alone remains.
    assert skeleton_frames(np.array([0, 3, 10, 49]), 50, 50).tolist() == [0, 0, 7, 46]
    # Three skeleton frames for two of the video: frame 23 shows 20.5 / 40 of the clip.
    assert skeleton_frames(np.array([23]), 40, 60).tolist() == [30]


def test_mirrored_video_is_boxed_at_the_person(tmp_path):
    """The person of the fixture stands at +x, so on the left of a video."""
    frames = 20
    path = save_video(tmp_path / 'RGB' / 'a1_s1_t1_color.avi', frames, size=(640, 480))
    joints = skeleton(frames)
    joints[:, 0] = 0.6
    keypoint = joints.transpose(2, 0, 1)[None]
    clip = UTDVideoSource(tmp_path).load('a1_s1_t1', keypoint, 5, 'center')
    center = 320 - 531.15 * 0.6 / 3.0
    np.testing.assert_allclose((clip.boxes[:, 0] + clip.boxes[:, 2]) / 2, center)
    means = [frame.mean() for frame in clip.frames]
    np.testing.assert_allclose(means, [20, 60, 100, 140, 180], atol=2)

    packed = tmp_path / 'packed'
    packed.mkdir()
    with zipfile.ZipFile(packed / 'RGB-part2.zip', 'w') as archive:
        archive.write(path, 'RGB/a1_s1_t1_color.avi')
    again = UTDVideoSource(packed).load('a1_s1_t1', keypoint, 5, 'center')
    np.testing.assert_array_equal(again.frames, clip.frames)


def test_video_of_another_size_is_refused(tmp_path):
    save_video(tmp_path / 'RGB' / 'a1_s1_t1_color.avi', 5)
    with pytest.raises(ValueError, match='expected 640x480'):
        UTDVideoSource(tmp_path).load('a1_s1_t1', np.ones((1, 9, 20, 3)), 5, 'center')
