import pytest

from mmcl_ext.preparation.videos.video_folder import VideoFolder


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
