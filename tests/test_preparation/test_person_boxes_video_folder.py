import cv2
import numpy as np
import pytest

from mmcl_ext.preparation.videos.sysu_videos import SYSUVideos
from mmcl_ext.preparation.videos.video import count_frames, iter_frames, read_frames
from mmcl_ext.preparation.videos.video_folder import VideoFolder
from mmcl_ext.preparation.videos.video_source import VideoSource


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def test_names_and_paths(tmp_path):
    touch(
        tmp_path / 'b' / 'S001_rgb.avi',
        tmp_path / 'a1_color.MP4',
        tmp_path / 'plain.mkv',
        tmp_path / '_rgb.avi',
        tmp_path / '.hidden.avi',
        tmp_path / 'notes.txt',
    )
    folder = VideoFolder(tmp_path)
    assert folder.names == ['S001', '_rgb', 'a1', 'plain']
    assert folder.video('S001') == tmp_path / 'b' / 'S001_rgb.avi'
    with pytest.raises(FileNotFoundError, match=r"sample 'S002' has no video"):
        folder.video('S002')
    assert VideoFolder(tmp_path, strip=()).names == ['S001_rgb', '_rgb', 'a1_color', 'plain']


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no folder of videos at .*nowhere'):
        VideoFolder(tmp_path / 'nowhere').video('a')
    with pytest.raises(FileNotFoundError, match='has no video'):
        _ = VideoFolder(tmp_path).names
    touch(tmp_path / 'a.avi', tmp_path / 'deep' / 'a_rgb.avi')
    with pytest.raises(ValueError, match="'a' has two videos"):
        _ = VideoFolder(tmp_path).names


UCLA = (r'(a\d+)/(v\d+)_(s\d+)_(e\d+)', r'\1_\3_\4_\2')


def test_folders_are_part_of_a_name_by_a_pattern(tmp_path):
    touch(
        tmp_path / 'a01' / 'v03_s02_e00.avi',
        tmp_path / 'a02' / 'v03_s02_e00.avi',
        tmp_path / 'a02' / 'trailer.avi',
    )
    with pytest.raises(ValueError, match=r'two videos: .*--names PATTERN NAME'):
        _ = VideoFolder(tmp_path).names
    folder = VideoFolder(tmp_path, naming=UCLA)
    assert folder.names == ['a01_s02_e00_v03', 'a02_s02_e00_v03']
    assert folder.video('a02_s02_e00_v03') == tmp_path / 'a02' / 'v03_s02_e00.avi'
    with pytest.raises(FileNotFoundError, match=r'has no video \(.*e\\d'):
        _ = VideoFolder(tmp_path / 'a01', naming=UCLA).names


@pytest.mark.parametrize(('pattern', 'name'), [('(a', 'x'), ('a', r'\1'), ('(a)', r'\g<b>')])
def test_a_pattern_that_cannot_name_is_refused(tmp_path, pattern, name):
    with pytest.raises(ValueError, match='names '):
        VideoFolder(tmp_path, naming=(pattern, name))


def test_a_folder_of_images_is_a_video(tmp_path):
    for k in (1, 2, 10):
        path = tmp_path / 'person' / 'video3' / 'rgb' / f'{k}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((6, 8, 3), k, np.uint8))
    touch(tmp_path / 'person' / 'video3' / 'rgb' / '.11.png')
    folder = VideoFolder(tmp_path, naming=(r'video(\d+)/rgb', r'a\1'))
    path = folder.video('a3')
    assert count_frames(path) == 3
    assert [frame[0, 0, 0] for frame in read_frames(path, [2, 0, 1])] == [10, 1, 2]
    assert [frame[0, 0, 0] for _, frame in iter_frames(path)] == [1, 2, 10]
    with pytest.raises(ValueError, match='the video ends before'):
        read_frames(path, [3])
    clip = VideoSource(folder).load('a3', np.zeros(0), 2, 'first')
    assert [frame.shape for frame in clip.frames] == [(6, 8, 3)] * 2
    (path / '2.png').write_bytes(b'nothing')
    with pytest.raises(ValueError, match=r'2\.png: not a readable image'):
        read_frames(path, [1])


def test_images_of_sysu_belong_to_the_stores_subjects(tmp_path):
    touch(
        tmp_path / '3DvideoNorm' / 'ann' / 'video3' / 'rgb' / '0.jpg',
        tmp_path / '3DvideoNorm' / 'bob' / 'video12' / 'rgb' / '0.jpg',
        tmp_path / '3DvideoNorm' / 'bob' / 'video12' / 'depth' / '0.png',
    )
    videos = SYSUVideos(tmp_path, ['ann', 'bob'])
    assert sorted(videos.names) == ['s01_a03', 's02_a12']
    assert videos.video('s02_a12').parent.parent.name == 'bob'
    with pytest.raises(FileNotFoundError, match="'s01_a01' has no images"):
        videos.video('s01_a01')
    with pytest.raises(ValueError, match="images of 'bob', whom the store does not have"):
        SYSUVideos(tmp_path, ['ann'])
