"""Joint relevance: it finds what a model looks at, and depends on the weights."""

import json
import runpy
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmcl_ext.inference import MMCLInferencer, SkeletonClip
from mmcl_ext.inference.relevance import hide_joints, joint_relevance

REPO = Path(__file__).resolve().parents[2]
JOINT = 7


class Planted:
    """A model that looks at the height of one joint in the second half of a clip."""

    classes = ('low', 'high')
    info = SimpleNamespace(layout='kinect_v1')

    def predict_clip(self, clip):
        half = clip.keypoint.shape[1] // 2
        p = 1 / (1 + np.exp(-clip.keypoint[:, half:, JOINT, 1].mean()))
        return SimpleNamespace(label=1, probability=np.array([1 - p, p]))

    def iterate(self, clips):
        return map(self.predict_clip, clips)


def test_what_the_model_looks_at_is_found(walk):
    keypoint = walk.copy()
    keypoint[:, :, JOINT, 1] += 3
    found = joint_relevance(Planted(), SkeletonClip('a', keypoint, 'kinect_v1'), blocks=6)
    assert found.values.shape == (6, 20)
    others = np.delete(found.values, JOINT, axis=1)
    assert np.abs(others).max() < 1e-6
    assert np.abs(found.values[:3, JOINT]).max() < 1e-6  # the first half
    assert found.values[3:, JOINT].min() > 1e-3


def test_hidden_joints_lie_between_their_neighbours(walk):
    hidden = hide_joints(walk, 'kinect_v1')
    np.testing.assert_allclose(hidden[:, :, 5], (walk[:, :, 4] + walk[:, :, 6]) / 2, atol=1e-5)
    assert not hide_joints(0 * walk, 'kinect_v1').any()


def test_other_weights_give_another_map(utd, walk):
    clip = SkeletonClip('a', walk, 'kinect_v1')
    one = MMCLInferencer(utd['published'])
    first = joint_relevance(one, clip, label=3, blocks=2).values
    np.testing.assert_allclose(first, joint_relevance(one, clip, label=3, blocks=2).values)
    torch.manual_seed(5)
    for parameter in one.predictor.model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    other = joint_relevance(one, clip, label=3, blocks=2).values
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.7


def losses(inferencer, clip, counts):
    """For each count the loss without so many most relevant joints, and without random ones."""
    found = joint_relevance(inferencer, clip, blocks=1)
    label = inferencer.classes.index(found.label_name)
    order = np.argsort(-found.values[0])
    hidden = hide_joints(clip.keypoint, 'kinect_v1')
    generator = np.random.default_rng(0)

    def without(joints):
        keypoint = clip.keypoint.copy()
        keypoint[:, :, joints] = hidden[:, :, joints]
        result = inferencer.predict_clip(SkeletonClip('a', keypoint, 'kinect_v1'))
        return -float(np.log(result.probability[label]))

    def random(count):
        draws = [generator.choice(20, count, replace=False) for _ in range(6)]
        return np.mean([without(joints) for joints in draws])

    return [(without(order[:count]), random(count)) for count in counts]


def test_hiding_relevant_joints_lowers_the_score_faster_than_random_ones(inferencer, real_files):
    clip = SkeletonClip.from_utdmhad_mat(real_files['mat'])
    [(relevant, random)] = losses(inferencer, clip, [4])
    assert relevant > random


@pytest.mark.slow
def test_a_trained_network_needs_the_joints_that_are_relevant(shared):
    """Clips of all kinds from the view that the network has not seen."""
    inferencer = MMCLInferencer('zoo:ctrgcn_15e_nwucla')
    with zipfile.ZipFile(shared / 'datasets/nw_ucla/all_sqe.zip') as archive:
        names = sorted(name for name in archive.namelist() if name.endswith('_v03.json'))[::46]
        skeletons = [json.loads(archive.read(name))['skeletons'] for name in names]
    clips = [SkeletonClip('a', np.array([s], np.float32), 'kinect_v1') for s in skeletons]
    found = np.array([losses(inferencer, clip, (2, 4, 6)) for clip in clips])
    assert found.shape == (11, 3, 2)
    assert (found[..., 0] > found[..., 1]).all()


def test_wrong_arguments(inferencer, walk):
    with pytest.raises(ValueError, match='no class 99'):
        joint_relevance(inferencer, SkeletonClip('a', walk, 'kinect_v1'), label=99)


def test_tool_explains(utd, walk, tmp_path, monkeypatch):
    np.save(tmp_path / 'walk.npy', walk)
    out = tmp_path / 'out'
    arguments = (tmp_path / 'walk.npy', '--model', utd['published'], '--out', out, '--explain')
    monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
    runpy.run_path(str(REPO / 'tools/infer.py'))['main']()
    [result] = json.loads((out / 'predictions.json').read_text())['results']
    assert result['relevance']['label_name'] == result['label_name']
    assert np.shape(result['relevance']['values']) == (8, 20)
    assert len(result['relevance']['joints']) == 20
    assert (out / 'walk_relevance.png').stat().st_size > 5000
