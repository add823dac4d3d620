import math

import numpy as np
import pytest
import torch

from mmcl_ext.engine.hooks.prediction_image_hook import draw_frames, probability


def test_a_joint_above_another_is_drawn_above_it():
    keypoint = np.zeros((1, 4, 3, 3))
    keypoint[0, :, :, 1] = [0.0, 0.0, 1.0]  # joint 2 is one metre above joints 0 and 1
    keypoint[0, :, 1, 0] = 0.2
    picture = draw_frames(keypoint, [(0, 1)], num_frames=1)
    rows = np.flatnonzero((picture < 255).any(axis=(1, 2)))
    assert picture.shape == (160, 160, 3)
    assert rows.min() > 80  # the bone of the lower joints lies in the lower half


def test_absent_persons_are_not_drawn():
    keypoint = np.random.default_rng(0).normal(size=(2, 6, 3, 3))
    both = draw_frames(keypoint, [(0, 1), (1, 2)])
    keypoint[1] = 0
    one = draw_frames(keypoint, [(0, 1), (1, 2)])
    red = (both == (20, 90, 200)).all(axis=2)
    assert red.any()
    assert not (one == (20, 90, 200)).all(axis=2).any()
    assert (draw_frames(np.zeros((1, 2, 3, 3)), [(0, 1)]) == 255).all()


@pytest.mark.parametrize('score', [[0, math.log(3)], [0.25, 0.75], [-7, math.log(3) - 7]])
def test_the_caption_tells_a_probability_of_logits_and_of_probabilities(score):
    assert probability(torch.tensor(score), 1) == pytest.approx(0.75)
