import numpy as np
import pytest
from scipy.io import loadmat, savemat
from utd_raw import FOCAL, save_sample

from mmcl_ext.datasets.converters.utdmhad import find_utdmhad, read_utdmhad_skeleton
from mmcl_ext.preparation.videos.camera import CAMERAS
from mmcl_ext.preparation.videos.sample_frames import sample_frames
from mmcl_ext.preparation.videos.utdmhad_clips import UTDDepthSource, render_depth


def test_grey_levels_by_hand():
    depth = np.array([[0, 1700, 2600, 4100, 1000, 5000, 3500]], dtype=np.uint16)
    image = render_depth(depth)
    assert image.dtype == np.uint8
    # 2.6 m leaves five eighths of the range (159.4), 3.5 m a quarter (63.8)
    assert image[0, :, 0].tolist() == [0, 255, 159, 0, 255, 0, 64]
    assert (image == image[..., :1]).all()


def test_range_must_have_a_width():
    with pytest.raises(ValueError, match=r'got 4.1 m and 1.7 m'):
        render_depth(np.zeros((2, 2)), near=4.1, far=1.7)


def keypoint_of(root, name):
    return read_utdmhad_skeleton(find_utdmhad(root, 'Skeleton')[name])


@pytest.mark.parametrize('stride', [1, 4])
def test_box_follows_the_lagging_figure(tmp_path, stride):
    save_sample(tmp_path, 'a1_s1_t1', frames=50, stride=stride)
    source = UTDDepthSource(tmp_path, stride=stride)
    clip = source.load('a1_s1_t1', keypoint_of(tmp_path, 'a1_s1_t1'), 5, 'center')
    assert len(clip.frames) == 5
    assert clip.found.all()
    for frame, box in zip(clip.frames, clip.boxes, strict=True):
        columns = np.flatnonzero(frame.any((0, 2)))
        # Off by two frames of walking the centre would be off by 3.8 pixels.
        assert abs(columns.mean() - (box[0] + box[2]) / 2) < 0.6
        np.testing.assert_allclose(box[2] - box[0], 2 * FOCAL * 0.1 / 3.0)
        assert frame[frame > 0].min() == round(255 * 1.1 / 2.4)  # 3 m


def test_stride_4_takes_frames_near_those_of_stride_1(tmp_path):
    centers = []
    for stride in (1, 4):
        root = tmp_path / str(stride)
        save_sample(root, 'a1_s1_t1', frames=64, stride=stride)
        clip = UTDDepthSource(root, stride=stride).load(
            'a1_s1_t1', keypoint_of(root, 'a1_s1_t1'), 5, 'center'
        )
        centers.append((clip.boxes[:, 0] + clip.boxes[:, 2]) / 2)
    per_frame = FOCAL * 0.02 / 3.0
    assert np.abs(centers[0] - centers[1]).max() <= 4 * per_frame


def test_wrong_stride_is_named(tmp_path):
    save_sample(tmp_path, 'a1_s1_t1', frames=50, stride=4)
    with pytest.raises(ValueError, match=r'd_depth: 13 frames.* 50, .* depth stride 1'):
        UTDDepthSource(tmp_path).load('a1_s1_t1', keypoint_of(tmp_path, 'a1_s1_t1'), 5, 'center')
    with pytest.raises(ValueError, match='got 0'):
        UTDDepthSource(tmp_path, stride=0)


def test_malformed_and_absent_files_are_named(tmp_path):
    save_sample(tmp_path, 'a1_s1_t1', frames=5)
    savemat(tmp_path / 'Depth/a1_s1_t1_depth.mat', {'d_depth': np.zeros((3, 320, 5))})
    source = UTDDepthSource(tmp_path)
    with pytest.raises(ValueError, match=r'a1_s1_t1_depth.mat: field d_depth: .*\(3, 320, 5\)'):
        source.load('a1_s1_t1', np.ones((1, 5, 20, 3)), 5, 'center')
    with pytest.raises(FileNotFoundError, match='a2_s2_t2 has no depth file'):
        source.load('a2_s2_t2', np.ones((1, 5, 20, 3)), 5, 'center')


@pytest.mark.parametrize('name', ['a1_s1_t1', 'a9_s1_t1', 'a24_s1_t1', 'a7_s2_t1', 'a22_s8_t4'])
def test_real_boxes_hold_the_person_and_little_else(shared, name):
    root = shared / 'datasets/utd_mhad'
    source = UTDDepthSource(root, stride=4)
    keypoint = keypoint_of(root, name)
    clip = source.load(name, keypoint, 5, 'center')
    inside = total = 0
    for frame, (x1, y1, x2, y2) in zip(clip.frames, clip.boxes, strict=True):
        person = frame[..., 0] > 0
        inside += person[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))].sum()
        total += person.sum()
        assert (x2 - x1) * (y2 - y1) < 0.25 * 320 * 240
    assert inside / total > 0.97


def test_real_joints_land_on_the_figure_two_frames_later(shared):
    """At full rate; the fact sheet's 99.5 % is over all frames of the whole data set."""
    folder = shared / 'datasets/utd_mhad'
    hits = []
    for name in ('a1_s1_t1', 'a9_s1_t1', 'a16_s1_t1'):
        depth = loadmat(folder / f'Depth_full_sample/{name}_depth.mat')['d_depth']
        keypoint = keypoint_of(folder, name)[0]
        u, v = (
            np.rint(CAMERAS['utdmhad_depth'].project(keypoint[:, :3]))
            .astype(int)
            .transpose(2, 0, 1)
        )
        frame = np.minimum(np.arange(len(keypoint)) + 2, depth.shape[2] - 1)[:, None]
        hits.append((depth[v, u, frame] > 0).ravel())
    assert np.concatenate(hits).mean() > 0.97


def test_full_rate_and_cut_archive_agree(shared, tmp_path):
    root = shared / 'datasets/utd_mhad'
    (tmp_path / 'Depth').symlink_to(root / 'Depth_full_sample')
    keypoint = keypoint_of(root, 'a9_s1_t1')
    full = UTDDepthSource(tmp_path).load('a9_s1_t1', keypoint, 5, 'center')
    cut = UTDDepthSource(root, stride=4).load('a9_s1_t1', keypoint, 5, 'center')
    num_frames = keypoint.shape[1]
    nearest = sample_frames(-(-num_frames // 4)) * 4
    same = sample_frames(num_frames) == nearest
    for index in np.flatnonzero(same):
        np.testing.assert_array_equal(full.frames[index], cut.frames[index])
    assert np.abs(full.boxes - cut.boxes).max() < 40  # at most four frames apart
