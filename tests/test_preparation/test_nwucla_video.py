"""Videos of Northwestern-UCLA: names, what moves, composites."""

import zipfile

import cv2
import numpy as np
import pytest

from mmcl_ext.preparation.videos.nwucla_video import NWUCLAVideoSource, moving_box

NAME = 'a01_s02_e00_v03'


def moving_square(num_frames=20, moves=True):
    """A square of 20 pixels that walks from the column 10 to the column 86 of 160 x 120."""
    frames = np.full((num_frames, 120, 160, 3), 90, np.uint8)
    for t in range(num_frames if moves else 0):
        frames[t, 50:70, 10 + 4 * t : 30 + 4 * t] = 200
    return frames


def test_the_box_is_a_square_around_what_moves():
    box, found = moving_box(moving_square())
    # columns 10 to 106, rows 50 to 70, whose middle is 60
    assert found
    assert box.tolist() == [10, 12, 106, 108]


def test_the_box_stays_in_the_image():
    frames = moving_square()
    box, _ = moving_box(frames[:, 45:])  # 75 rows for a square of 96
    assert box.tolist() == [10, 0, 106, 75]
    box, _ = moving_box(np.roll(frames, -10, axis=2)[:, :110])
    assert box.tolist() == [0, 12, 96, 108]


def test_nothing_moves():
    box, found = moving_box(moving_square(moves=False))
    assert not found
    assert box.tolist() == [0, 0, 160, 120]


def test_small_and_rare_changes_do_not_count():
    frames = moving_square(num_frames=100, moves=False)
    frames[5:55, :10, :10] += 25  # as much as noise
    frames[:3, 100:, 100:] = 255  # 3 % of the frames
    assert not moving_box(frames)[1]
    frames[3, 100:, 140:] = 255
    assert moving_box(frames)[0].tolist() == [140, 100, 160, 120]


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / 'result_vid' / 'a01'
    folder.mkdir(parents=True)
    path = folder / 'v03_s02_e00.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15, (160, 120))
    for frame in moving_square():
        writer.write(frame)
    writer.release()
    return tmp_path / 'result_vid'


def test_folder_and_archive_give_the_same_clip(videos, tmp_path):
    with zipfile.ZipFile(tmp_path / 'videos.zip', 'w') as archive:
        archive.write(videos / 'a01/v03_s02_e00.avi', 'result_vid/a01/v03_s02_e00.avi')
    sources = [NWUCLAVideoSource(path) for path in (videos, tmp_path / 'videos.zip')]
    assert sources[0].names == sources[1].names == (NAME,)
    clips = [source.load(NAME, np.zeros((1, 40, 20, 3)), 5, 'center') for source in sources]
    np.testing.assert_array_equal(clips[0].frames, clips[1].frames)
    for clip in clips:
        assert clip.found.all()
        np.testing.assert_allclose(clip.boxes, [[10, 12, 106, 108]] * 5, atol=2)
    # the centres of five parts of 20 frames: 2, 6, 10, 14, 18
    columns = [np.nonzero(f[60, :, 0] > 150)[0].min() for f in clips[0].frames]
    np.testing.assert_allclose(columns, [18, 34, 50, 66, 82], atol=2)


def test_whole_frames(videos):
    source = NWUCLAVideoSource(videos, crop='frame')
    clip = source.load(NAME, np.zeros((1, 40, 20, 3)), 2, 'center')
    assert clip.boxes.tolist() == [[0, 0, 160, 120]] * 2
    assert source.recipe != NWUCLAVideoSource(videos).recipe


def test_wrong_input_is_named(videos, tmp_path):
    with pytest.raises(ValueError, match="'person'"):
        NWUCLAVideoSource(videos, crop='person')
    with pytest.raises(FileNotFoundError, match='has no video'):
        NWUCLAVideoSource(videos).load('a02_s02_e00_v03', np.zeros((1, 4, 20, 3)), 5, 'center')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'clip.avi').write_bytes(b'')
    with pytest.raises(FileNotFoundError, match='no video such as'):
        NWUCLAVideoSource(tmp_path / 'other')


def test_real_videos(shared):
    source = NWUCLAVideoSource(shared / 'datasets/nw_ucla/depth_videos.zip')
    assert len(source.names) == 1475
    clip = source.load(source.names[0], np.zeros((1, 4, 20, 3)), 5, 'center')
    assert clip.found.all()
    width, height = (clip.boxes[0, 2:] - clip.boxes[0, :2]).tolist()
    assert 40 < width <= 320
    assert height == min(width, 256)
