import os

import cv2
import numpy as np
import pytest

from mmcl_ext.preparation.composites.composite import (
    crop_person,
    make_composite,
    write_image,
)
from mmcl_ext.preparation.videos.sample_frames import sample_frames


@pytest.mark.parametrize(
    ('num_frames', 'rule', 'expected'),
    [
        (50, 'center', [5, 15, 25, 35, 45]),
        (10, 'center', [1, 3, 5, 7, 9]),
        (72, 'center', [7, 21, 36, 50, 64]),  # floor of 7.2, 21.6, 36, 50.4, 64.8
        (3, 'center', [0, 0, 1, 2, 2]),
        (1, 'center', [0, 0, 0, 0, 0]),
        (50, 'first', [0, 10, 20, 30, 40]),
        (14, 'first', [0, 2, 4, 6, 8]),
        (3, 'first', [0, 0, 1, 1, 2]),
    ],
)
def test_sample_frames_numbers(num_frames, rule, expected):
    assert sample_frames(num_frames, rule=rule).tolist() == expected


def test_sampled_centres_are_the_same_seen_from_the_end():
    for num_frames in range(1, 130):
        frames = (sample_frames(num_frames, 7) + 0.5) / num_frames
        # Mirrored in time the choice differs by at most the rounding to whole frames.
        assert np.abs(frames + frames[::-1] - 1).max() <= 1 / num_frames + 1e-12


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [((0,), '0 frames'), ((5, 0), '0 tiles'), ((5, 5, 'last'), "'last'")],
)
def test_sample_frames_names_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample_frames(*arguments)


def test_crop_adds_the_margin_and_stops_at_the_border():
    frame = np.arange(100 * 200).reshape(100, 200)
    crop = crop_person(frame, np.array([40, 20, 60, 60]), margin=0.1)  # 2 px and 4 px
    np.testing.assert_array_equal(crop, frame[16:64, 38:62])
    crop = crop_person(frame, np.array([-5.0, 90.0, 20.5, 140.0]), margin=0.0)
    np.testing.assert_array_equal(crop, frame[90:100, 0:21])


@pytest.mark.parametrize(
    'box', [(10, 10, 10, 20), (10, 20, 20, 10), (np.nan, 0, 5, 5), (300, 0, 310, 5)]
)
def test_bad_box_is_refused(box):
    with pytest.raises(ValueError, match='box'):
        crop_person(np.zeros((100, 200, 3), np.uint8), np.array(box, dtype=float))


def test_tiles_run_left_to_right_and_hold_only_the_boxes():
    frames, boxes = [], []
    for index in range(5):
        frame = np.full((120, 160, 3), 255, np.uint8)
        x = 10 + 20 * index
        frame[30:90, x : x + 25] = (40 * index, 7, 200 - 40 * index)
        frames.append(frame)
        boxes.append((x, 30, x + 25, 90))
    composite = make_composite(frames, np.array(boxes), margin=0.0)
    expected = np.empty((480, 480, 3), np.uint8)
    for index in range(5):
        expected[:, 96 * index : 96 * index + 96] = (40 * index, 7, 200 - 40 * index)
    np.testing.assert_array_equal(composite, expected)


@pytest.mark.parametrize(
    ('order', 'expected'),
    [('ltr', [1, 2, 3]), ('rtl', [3, 2, 1]), ('ttb', [1, 2, 3]), ('btt', [3, 2, 1])],
)
def test_time_goes_where_the_order_says(order, expected):
    frames = [np.full((8, 8, 3), value, np.uint8) for value in (1, 2, 3)]
    composite = make_composite(frames, np.tile([0, 0, 8, 8], (3, 1)), size=(30, 60), order=order)
    assert composite.shape == (60, 30, 3)
    along = composite[0] if order in ('ltr', 'rtl') else composite[:, 0]
    across = composite[:, 0] if order in ('ltr', 'rtl') else composite[0]
    np.testing.assert_array_equal(along[:, 0], np.repeat(expected, len(along) // 3))
    assert np.ptp(across) == 0


def test_unknown_order_and_lack_of_room_are_named():
    frames = [np.zeros((8, 8, 3), np.uint8)] * 3
    boxes = np.tile([0, 0, 8, 8], (3, 1))
    with pytest.raises(ValueError, match="unknown order 'up'"):
        make_composite(frames, boxes, order='up')
    with pytest.raises(ValueError, match=r'size \(30, 2\) has no room for 3 tiles'):
        make_composite(frames, boxes, size=(30, 2), order='ttb')


def test_aspect_is_not_kept():
    frame = np.zeros((40, 40, 3), np.uint8)
    frame[:, 20:] = 100
    composite = make_composite([frame], np.array([[0, 0, 40, 40]]), size=(10, 80), margin=0.0)
    np.testing.assert_array_equal(composite[:, :5], 0)
    np.testing.assert_array_equal(composite[:, 5:], 100)


def test_width_that_the_tiles_do_not_divide_is_filled():
    frames = [np.full((8, 8, 3), 10 * (i + 1), np.uint8) for i in range(3)]
    composite = make_composite(frames, np.tile([0, 0, 8, 8], (3, 1)), size=(100, 4))
    assert composite[0, :, 0].tolist() == [10] * 33 + [20] * 33 + [30] * 34


def test_frames_and_boxes_must_fit():
    frame = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r'expected boxes \(2, 4\), one a frame, got \(1, 4\)'):
        make_composite([frame, frame], np.zeros((1, 4)))
    with pytest.raises(ValueError, match='float64'):
        make_composite([frame.astype(float)], np.array([[0, 0, 8, 8]]))


def test_written_image_comes_back(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (24, 30, 3)).astype(np.uint8)
    write_image(tmp_path / 'deep' / 'a.png', image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'deep' / 'a.png')), image)
    write_image(tmp_path / 'a.jpg', np.full((16, 16, 3), (200, 100, 50), np.uint8))
    read = cv2.imread(str(tmp_path / 'a.jpg')).astype(int)
    assert np.abs(read - (200, 100, 50)).max() <= 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.jpg', 'deep']


def test_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    write_image(path, np.zeros((4, 4, 3), np.uint8))
    before = path.read_bytes()

    def full(_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space'):
        write_image(path, np.ones((4, 4, 3), np.uint8))
    with pytest.raises(OSError, match=r'a\.png'):  # the message names the file
        write_image(path, np.ones((4, 4, 3), np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_format_that_cannot_hold_the_image(tmp_path):
    with pytest.raises(ValueError, match=r'a\.nothing'):
        write_image(tmp_path / 'a.nothing', np.zeros((4, 4, 3), np.uint8))
