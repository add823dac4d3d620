"""A folder of videos alone to a configuration that trains."""

from functools import partial

import numpy as np
import pytest
from bright_people import BrightPeople, save_people
from gloo import run_in_two_processes
from tool_module import load_tool, run_main

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.preparation.pose import pose_settings
from mmcl_ext.preparation.pose.convert_videos import VideoPoseReader, find_poses
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.videos.video_folder import VideoFolder


@pytest.fixture
def videos(tmp_path, monkeypatch):
    """Six videos in two folders; nobody is in one of them."""
    looked = []

    class Counting(BrightPeople):
        def __call__(self, image):
            looked.append(1)
            return super().__call__(image)

    monkeypatch.setattr(
        pose_settings, 'build_pose_estimator', lambda name, **_: Counting('blazepose')
    )
    folder = tmp_path / 'videos'
    for number in range(5):
        (folder / 'left').mkdir(parents=True, exist_ok=True)
        save_people(folder / 'left' / f'l{number}.avi', [(60 - t - number,) for t in range(20)])
    (folder / 'right').mkdir()
    save_people(folder / 'right/r0.avi', [(10 + t, 60) for t in range(20)])
    save_people(folder / 'right/r1.avi', [()] * 20)
    return folder, looked


@pytest.fixture
def tool(repo, monkeypatch, capsys):
    module = load_tool(repo / 'tools/data/prepare_videos.py')

    def run(*arguments):
        base = ('--base', 'mmcl_ext::mmcl/ctrgcn_demo.py', '--jobs', '1', '--quiet')
        return run_main(module, [*arguments, *base], monkeypatch, capsys)

    return run


def test_videos_are_all_that_is_needed(tool, videos, tmp_path):
    folder, looked = videos
    out = tmp_path / 'out'
    status, text, error = tool(folder, out)
    assert status == 2, text + error  # so few videos are findings
    assert 'train with: python tools/train.py' in text
    assert 'checked: ' in text
    pixels, store = (SkeletonStore(out / f'{n}.safetensors') for n in ('pixels', 'skeletons'))
    assert tuple(store.names) == ('l0', 'l1', 'l2', 'l3', 'l4', 'r0')
    assert tuple(store.classes) == ('left', 'right')
    assert store.labels.tolist() == [0] * 5 + [1]
    assert {k: len(v) for k, v in store.splits.items()} == dict(train=5, val=1)
    assert (store.layout, store.num_channels, pixels.num_channels) == ('blazepose', 3, 2)
    np.testing.assert_allclose(pixels.keypoint(0)[0, :, 0, 0], 60 - np.arange(20), atol=1)
    assert len(store.keypoint(5)) == 2
    assert len(list((out / 'composites').glob('*.jpg'))) == 6
    assert 'nobody was found' in text
    frames = len(looked)
    assert frames == 7 * 20
    assert 'was there' in tool(folder, out)[1]
    assert len(looked) == frames


def test_pixels(tool, videos, tmp_path):
    out = tmp_path / 'out'
    status, text, error = tool(videos[0], out, '--coordinates', 'pixels')
    assert status == 2, text + error
    assert 'in_channels=2' in (out / 'config.py').read_text()


def test_videos_without_a_class(tool, videos, tmp_path):
    save_people(videos[0] / 'loose.avi', [(10,)] * 4)
    status, _, error = tool(videos[0], tmp_path / 'out')
    assert status == 1
    assert 'loose.avi has no label: put it into a folder named after its class' in error


def _share(folder, rank):
    """A process of two: finds the poses of its share of the videos; returns how many it took."""
    read = VideoPoseReader(PoseSettings(), folder / 'poses', metric=False)
    read.__dict__['estimator'] = BrightPeople('blazepose')
    find_poses(VideoFolder(folder / 'videos'), read, progress=False)
    return read.estimator.resets


def test_processes_share_the_videos(videos, tmp_path):
    """Those that are done are left out; each process looks at its half of the others."""
    folder, _ = videos
    (tmp_path / 'poses').mkdir()
    read = VideoPoseReader(PoseSettings(), tmp_path / 'poses', metric=False)
    read.look(folder / 'left/l0.avi')
    before = read.file(folder / 'left/l0.avi').stat().st_mtime_ns
    assert run_in_two_processes(partial(_share, tmp_path), tmp_path) == [3, 3]
    assert len(list((tmp_path / 'poses').glob('*.npz'))) == 7
    assert read.file(folder / 'left/l0.avi').stat().st_mtime_ns == before
    assert read(ArchiveFile(folder / 'right/r0.avi'))['keypoint'].shape == (2, 20, 33, 2)


def test_progress_tells_the_time_left(tool, videos, tmp_path, repo, monkeypatch, capsys):
    module = load_tool(repo / 'tools/data/prepare_videos.py')
    base = ('--base', 'mmcl_ext::mmcl/ctrgcn_demo.py', '--jobs', '1')
    _, _, error = run_main(module, [videos[0], tmp_path / 'out', *base], monkeypatch, capsys)
    assert '7/7 samples, ' in error
    assert ' left' in error
