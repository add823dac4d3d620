import numpy as np
import pytest

from mmcl_ext.synthetic.motions import ACTIONS
from mmcl_ext.synthetic.scene import CAMERA, render
from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.write_synthetic_data import SyntheticVideoSource

DATA = SyntheticData(train_subjects=2, test_subjects=1, repetitions=1)
WITH_ITEM = [i for i, action in enumerate(ACTIONS) if action.item]


def scene(label, subject=1):
    return DATA.scene(f'S{subject:03d}A{label + 1:02d}R01')


def test_pictures_are_reproducible_and_show_a_person():
    first = scene(0)
    picture = render(first, 5)
    assert picture.shape == (CAMERA.size[1], CAMERA.size[0], 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, render(scene(0), 5))
    changed = (picture != first.room.paint(CAMERA)).any(axis=-1)
    rows, columns = np.nonzero(changed)
    pixels = CAMERA.project(first.joints[5])
    assert rows.min() < pixels[:, 1].min() < pixels[:, 1].max() < rows.max() + 2
    assert columns.min() < pixels[:, 0].min() < pixels[:, 0].max() < columns.max()
    assert changed.mean() < 0.35


def test_the_room_given_is_the_room_painted():
    background = scene(0).room.paint(CAMERA)
    kept = background.copy()
    np.testing.assert_array_equal(render(scene(0), 3, background), render(scene(0), 3))
    np.testing.assert_array_equal(background, kept)


@pytest.mark.parametrize('label', WITH_ITEM, ids=lambda i: ACTIONS[i].item)
def test_the_object_is_in_the_picture(label):
    """Without it the picture differs, at the place where the object is."""
    shown = scene(label)
    bare = type(shown)(**{**vars(shown), 'item': None})
    frame = int(np.flatnonzero(shown.held)[-1])
    changed = (render(shown, frame) != render(bare, frame)).any(axis=-1)
    assert changed.sum() > 40
    rows, columns = np.nonzero(changed)
    column, row = CAMERA.project(shown.place[frame])
    assert abs(columns.mean() - column) < 12
    assert abs(rows.mean() - row) < 12


def test_the_object_is_bright():
    """Its colour is far from that of clothes, walls and skin."""
    for label in WITH_ITEM:
        blue, green, red = scene(label).item.colour
        assert max(blue, green, red) - min(blue, green, red) > 100


def test_frame_outside_the_scene_is_refused():
    with pytest.raises(ValueError, match='frame 9999'):
        render(scene(0), 9999)


def test_clips_come_from_the_frames_of_the_composite():
    source = SyntheticVideoSource(DATA)
    name = source.names[3]
    keypoint = DATA.keypoint(name)
    clip = source.load(name, keypoint, num_tiles=5, rule='center')
    assert len(clip.frames) == 5
    assert clip.found.all()
    frames = [(2 * i + 1) * keypoint.shape[1] // 10 for i in range(5)]
    np.testing.assert_array_equal(clip.frames[4], render(DATA.scene(name), frames[4]))
    for frame, (x1, y1, x2, y2) in zip(frames, clip.boxes, strict=True):
        pixels = CAMERA.project(keypoint[0, frame])
        assert x1 <= pixels[:, 0].min() < pixels[:, 0].max() <= x2
        assert y1 <= pixels[:, 1].min() < pixels[:, 1].max() <= y2


def test_only_training_samples_have_videos():
    assert set(SyntheticVideoSource(DATA).names) == set(DATA.splits['train'])


def test_a_skeleton_of_another_length_is_refused():
    source = SyntheticVideoSource(DATA)
    name = source.names[0]
    with pytest.raises(ValueError, match=name):
        source.load(name, DATA.keypoint(name)[:, :-1], 5, 'center')
