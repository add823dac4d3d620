"""Pages and moving pictures of samples."""

import runpy
import sys

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope, init_default_scope
from PIL import Image

from mmcl_ext.datasets import SkeletonDataset, write_store
from mmcl_ext.graphs import get_layout
from mmcl_ext.visualization.browse import (
    SampleSheet,
    augment,
    browse,
    draw_sample_sheet,
    stream_lengths,
)
from mmcl_ext.visualization.motion import motion_frames, write_motion


@pytest.fixture(autouse=True)
def default_scope():
    before = DefaultScope.get_current_instance()
    init_default_scope('mmcl_ext')
    yield
    if before is not None:
        init_default_scope(before.scope_name)


def walk(persons=1, frames=12, layout='kinect_v1', channels=3, seed=0):
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(persons, 1, get_layout(layout).num_joints, channels))
    steps = rng.normal(scale=0.05, size=(persons, frames, *pose.shape[2:]))
    return (pose + np.cumsum(steps, axis=1)).astype(np.float32)


@pytest.fixture
def store(tmp_path):
    samples = [
        dict(name=f'clip{i}', label=i % 2, keypoint=walk(1 + i % 2, 70 + i, seed=i))
        for i in range(4)
    ]
    samples[3]['keypoint'][:] = 0
    path = tmp_path / 'clips.safetensors'
    splits = dict(train=[sample['name'] for sample in samples])
    write_store(path, samples, layout='kinect_v1', classes=('wave', 'kick'), splits=splits)
    return path


@pytest.fixture
def composites(tmp_path):
    folder = tmp_path / 'composites'
    folder.mkdir()
    cv2.imwrite(str(folder / 'clip0.jpg'), np.full((60, 40, 3), (0, 0, 200), np.uint8))
    return folder


def is_drawn(panel):
    return bool((panel < 250).any())


def test_front_and_side_views():
    """A body without depth: the front shows its width, the side a line."""
    keypoint = walk(frames=3)
    keypoint[..., 2] = 2
    frames = list(motion_frames(keypoint, 'kinect_v1', height=100))
    assert len(frames) == 3
    for frame in frames:
        assert frame.dtype == np.uint8
        columns = np.flatnonzero((frame < 200).any(axis=(0, 2)))
        side = columns[columns >= frame.shape[1] - 50]  # the narrowest panel: half the height
        assert np.ptp(side) < 10
        assert np.ptp(columns[columns < frame.shape[1] - 50]) > 20


def test_view_is_upright_and_holds_still():
    """A body on its way up: y grows upwards, and the picture shows the climb."""
    keypoint = np.repeat(walk(frames=1), 2, axis=1)
    keypoint[:, 1, :, 1] += 5
    first, last = (
        np.flatnonzero((frame < 200).any(axis=(1, 2))).mean()
        for frame in motion_frames(keypoint, 'kinect_v1', height=200)
    )
    assert first - last > 80  # pixel rows count downwards


def test_absent_and_broken_joints_are_left_out():
    keypoint = walk(2, 2)
    keypoint[1] = 0
    alone = list(motion_frames(keypoint[:1], 'kinect_v1'))
    np.testing.assert_array_equal(list(motion_frames(keypoint, 'kinect_v1')), alone)
    keypoint[0, 0, 3] = np.nan
    keypoint[0, 1] = np.nan
    broken = list(motion_frames(keypoint, 'kinect_v1'))
    assert is_drawn(broken[0])
    assert not is_drawn(broken[1])
    assert not is_drawn(next(motion_frames(0 * keypoint[:, :1], 'kinect_v1')))


@pytest.mark.parametrize('suffix', ['.gif', '.mp4'])
def test_files_hold_every_frame(tmp_path, suffix):
    path = tmp_path / 'new' / f'clip{suffix}'
    picture = np.full((10, 20, 3), (200, 0, 0), np.uint8)
    write_motion(path, walk(frames=7), 'kinect_v1', fps=20, height=121, picture=picture)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if suffix == '.gif':
        image = Image.open(path)
        assert (image.n_frames, image.info['duration'], image.size[1]) == (7, 50, 120)
        last = np.array(image.convert('RGB'))
    else:
        video = cv2.VideoCapture(str(path))
        assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (7, 20)
        last = video.read()[1][..., ::-1]
    np.testing.assert_allclose(last[60, -10], (200, 0, 0), atol=12)  # the picture, in RGB


def test_motion_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'clip.avi at 30'):
        write_motion(tmp_path / 'clip.avi', walk(), 'kinect_v1')
    with pytest.raises(ValueError, match=r'expected .* for layout'):
        next(motion_frames(walk(), 'coco'))


def test_stream_lengths():
    keypoint = walk(layout='coco', channels=2)
    lengths = stream_lengths(keypoint, 'coco')
    np.testing.assert_allclose(lengths['joint'], np.linalg.norm(keypoint[0], axis=-1).T, rtol=1e-6)
    # COCO's left wrist (9) hangs on the left elbow (7).
    bone = keypoint[0, :, 9] - keypoint[0, :, 7]
    np.testing.assert_allclose(lengths['bone'][9], np.linalg.norm(bone, axis=-1), rtol=1e-6)
    assert not lengths['bone_motion'][:, -1].any()


@pytest.mark.parametrize(('layout', 'channels', 'num_axes'), [('kinect_v1', 3, 9), ('coco', 2, 8)])
def test_page_has_all_its_parts(layout, channels, num_axes):
    """Front, side (three dimensions), composite, four streams, two draws."""
    keypoint = walk(layout=layout, channels=channels)
    sheet = SampleSheet(
        title='clip: wave',
        keypoint=keypoint,
        layout=layout,
        centered=keypoint,
        augmented=[keypoint, keypoint[:, :5]],
        augmented_layout=layout,
        picture=np.zeros((4, 4, 3), np.uint8),
    )
    figure = draw_sample_sheet(sheet)
    assert len(figure.axes) == num_axes
    titles = [axes.get_title(loc='left') for axes in figure.axes]
    assert ('side (towards the camera is left)' in titles) == (channels == 3)
    assert titles[-1] == 'after augmentation, draw 2 (5 frames)'
    assert any(title.startswith('bone_motion (up to') for title in titles)


def test_augmentation_stops_before_the_streams(store):
    pipeline = [
        dict(type='InterpolateJoints', target='nturgb+d'),
        dict(type='RandomScale', scale=0.5),
        dict(type='SkeletonStream', stream='bone'),
        dict(type='FormatSkeleton', num_person=2),
    ]
    dataset = SkeletonDataset(store, 'train', pipeline)
    first, second = augment(dataset, 0, 2)
    assert first['layout'] == 'nturgb+d'
    assert first['keypoint'].shape == (1, 70, 25, 3)
    ratio = second['keypoint'] / first['keypoint']
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0, 0, 0], ratio.shape), rtol=1e-4)
    dataset.set_epoch(1, 0)
    trained = dataset[0]['keypoint'][0, :1]  # bones of what the second draw shows
    parents = list(get_layout('nturgb+d').parents)
    bones = second['keypoint'] - second['keypoint'][:, :, parents]
    np.testing.assert_allclose(trained, bones, atol=1e-6)


def test_browse_writes_pages_and_motion(store, composites, tmp_path):
    dataset = SkeletonDataset(store, 'train', [dict(type='CenterSkeleton')])
    out = tmp_path / 'out'
    written = list(browse(dataset, [0, 3], out, composites=composites, draws=1))
    names = ['clip0.png', 'clip0.gif', 'clip3.png', 'clip3.gif']
    assert [path.name for path in written] == names  # clip3: nobody is there, no composite
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    page = np.array(Image.open(written[0]).convert('RGB')).astype(int)
    red = (page[..., 0] > 180) & (page[..., 1:].max(axis=-1) < 20)
    assert red.sum() > 1000  # the composite
    assert Image.open(written[1]).n_frames == 70


def test_a_folder_of_composites_that_is_not_there(store, tmp_path):
    dataset = SkeletonDataset(store, None, [])
    with pytest.raises(FileNotFoundError, match='there is no folder of composites'):
        next(browse(dataset, [0], tmp_path, composites=tmp_path / 'nowhere'))
    assert not any(tmp_path.glob('*.png'))


def test_tool_on_poses_in_the_image(tmp_path, repo, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    keypoint = rng.random((1, 12, 17, 2)).astype('f4')
    path = tmp_path / 'flat.safetensors'
    samples = [dict(name='a', label=0, keypoint=keypoint)]
    write_store(path, samples, layout='coco', classes=('wave',), splits={})
    options = ['--num', '1', '--motion', 'none', '--out-dir', str(tmp_path / 'out')]
    monkeypatch.setattr(sys, 'argv', ['browse_dataset.py', str(path), *options])
    runpy.run_path(str(repo / 'tools/analysis/browse_dataset.py'), run_name='__main__')
    assert capsys.readouterr().out.split() == [str(tmp_path / 'out' / 'a.png')]


def test_tool(store, tmp_path, repo, monkeypatch, capsys):
    def run(*arguments):
        options = ['--out-dir', str(tmp_path / 'out'), *arguments]
        monkeypatch.setattr(sys, 'argv', ['browse_dataset.py', str(store), *options])
        runpy.run_path(str(repo / 'tools/analysis/browse_dataset.py'), run_name='__main__')
        return capsys.readouterr().out.split()

    written = run('--samples', 'clip2', '--motion', 'none', '--draws', '1')
    assert written == [str(tmp_path / 'out' / 'clip2.png')]
    # One class after another: clip0 and clip1 are of different classes.
    written = run('--num', '2', '--motion', 'none', '--draws', '0')
    assert [path.rpartition('/')[2] for path in written] == ['clip0.png', 'clip1.png']
    with pytest.raises(SystemExit, match=r"no samples \['clip9'\]"):
        run('--samples', 'clip9')
    for wrong in (('--num', '-1'), ('--draws', '-1')):
        with pytest.raises(SystemExit) as stop:
            run(*wrong)
        assert stop.value.code == 2
        assert 'got ' in capsys.readouterr().err
