import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.visualization.skeleton_plot import (
    SIDE_COLOURS,
    bone_sides,
    draw_sequence,
    draw_skeleton,
)


@pytest.fixture
def axes():
    return Figure().subplots()


def body(layout, channels=3):
    """Any joints that are neither zero nor missing."""
    rng = np.random.default_rng(0)
    return rng.uniform(1, 2, size=(get_layout(layout).num_joints, channels))


def bones_of(axes):
    return [line for line in axes.lines if len(line.get_xdata()) == 2]


@pytest.mark.parametrize('name', ['nturgb+d', 'kinect_v1', 'coco', 'openpose'])
def test_every_bone_is_drawn_between_its_joints(axes, name):
    joints = body(name)
    draw_skeleton(axes, joints, name)
    ends = [line.get_xydata() for line in bones_of(axes)]
    expected = [joints[list(edge), :2] for edge in get_layout(name).edges]
    np.testing.assert_allclose(ends, expected)


def test_sides_have_their_colours(axes):
    """In NTU's order the left arm is 4 to 7 and the right arm 8 to 11."""
    layout = get_layout('nturgb+d')
    sides = dict(zip(layout.edges, bone_sides(layout), strict=True))
    assert sides[5, 4] == 'left'
    assert sides[9, 8] == 'right'
    assert sides[3, 2] == 'middle'
    draw_skeleton(axes, body('nturgb+d'), layout)
    colours = [to_hex(line.get_color()) for line in bones_of(axes)]
    assert colours == [SIDE_COLOURS[side] for side in bone_sides(layout)]


@pytest.mark.parametrize('missing', [0.0, np.nan])
def test_bones_of_missing_joints_are_left_out(axes, missing):
    joints = body('nturgb+d')
    joints[5] = missing  # left elbow: two bones
    draw_skeleton(axes, joints, 'nturgb+d')
    assert len(bones_of(axes)) == 24 - 2


def test_rows_of_pixels_grow_downwards(axes):
    joints = body('coco', channels=2)
    draw_skeleton(axes, joints, 'coco', upwards=False)
    drawn = np.concatenate([line.get_ydata() for line in bones_of(axes)])
    assert (drawn < 0).all()


def test_joints_of_another_layout_are_refused(axes):
    with pytest.raises(ValueError, match=r"'coco'.*\(25, 3\)"):
        draw_skeleton(axes, body('nturgb+d'), 'coco')


def test_a_sequence_shows_uniform_frames_side_by_side(axes):
    layout = get_layout('nturgb+d')
    keypoint = np.stack([body('nturgb+d') + np.array([0.3 * t, 0, 0]) for t in range(20)])
    frames = draw_sequence(axes, keypoint, layout, num_frames=5, spacing=10.0)
    assert frames.tolist() == [2, 6, 10, 14, 18]
    lines = bones_of(axes)
    assert len(lines) == 5 * 24
    # Movement across the room is taken out: each frame stands at its own place.
    first, last = lines[0].get_xdata(), lines[4 * 24].get_xdata()
    np.testing.assert_allclose(np.subtract(last, first), 40.0)


def test_all_persons_of_a_sequence_are_drawn_and_absent_ones_are_not(axes):
    person = np.tile(body('nturgb+d'), (4, 1, 1))
    keypoint = np.stack([person, person + np.array([1.0, 0, 0]), np.zeros_like(person)])
    draw_sequence(axes, keypoint, 'nturgb+d', num_frames=2)
    assert len(bones_of(axes)) == 2 * 2 * 24


def test_nothing_to_draw_is_refused(axes):
    with pytest.raises(ValueError, match='0 frames'):
        draw_sequence(axes, np.ones((4, 25, 3)), 'nturgb+d', num_frames=0)
    with pytest.raises(ValueError, match=r'\(25, 3\)'):
        draw_sequence(axes, np.ones((25, 3)), 'nturgb+d')
