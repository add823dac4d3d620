"""The stand-alone preprocessing equals the test pipelines, and needs numpy alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

import mmcl_ext.datasets.transforms  # noqa: F401
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.config.load_config import load_config
from mmcl_ext.datasets.present_persons import choose_persons
from mmcl_ext.deployment import preprocess
from mmcl_ext.deployment.preprocess import (
    format_persons,
    pack_persons,
    prepare,
    prepare_clips,
)
from mmcl_ext.models import GCNHead
from mmcl_ext.registry import TRANSFORMS

CONFIGS = {
    'ctrgcn_ntu60': 25,  # absent persons are zero
    'ctrgcn_ntu120': 25,  # and here copies of the first
    'ctrgcn_nwucla': 20,
    'ctrgcn_hdgraph_utdmhad': 20,
    'dgstgcn_ntu60': 25,  # ten clips of frames spread over the sequence
    'dgstgcn_150e_utdmhad': 20,
}
STREAMS = ('joint', 'bone', 'k_bone', 'joint_motion', 'bone_motion', 'k_bone_motion')


def recordings(joints: int) -> list[np.ndarray]:
    """Make sequences: one and two persons, short and long, with gaps, and nobody."""
    rng = np.random.default_rng(0)
    shapes = [(1, 80), (2, 150), (1, 1), (2, 3), (3, 64), (1, 41)]
    made = [rng.normal(size=(m, t, joints, 3)).astype(np.float32) for m, t in shapes]
    made[1][1, :20] = 0  # comes later
    made[1][:, 140:] = 0  # nobody at the end
    made[4][0, :2] = 0
    made += [rng.normal(size=(4, 70, joints, 3)).astype(np.float32)]
    made[6][0] = made[6][:, :30] = made[6][:, 50:52] = 0  # an empty slot, late entry, a gap
    made[6][2] *= 3  # three persons are left, of whom two are kept
    return [*made, np.zeros((1, 10, joints, 3), np.float32)]


def by_pipeline(info: ModelInfo, keypoint: np.ndarray) -> np.ndarray:
    results = dict(
        keypoint=keypoint.copy(),
        layout=info.layout,
        label=0,
        sample_name='s',
        total_frames=keypoint.shape[1],
        num_person=len(keypoint),
    )
    results = choose_persons(results, info.num_person)  # as the data set does
    with DefaultScope.overwrite_default_scope(info.scope):
        for step in info.pipeline[:-1]:
            results = TRANSFORMS.build(dict(step))(results)
    return results['keypoint']


@pytest.mark.parametrize('stream', STREAMS)
@pytest.mark.parametrize('config', CONFIGS)
def test_equals_the_test_pipeline(repo: Path, config: str, stream: str) -> None:
    path = repo / 'configs' / 'skeleton' / f'{config}.py'
    info = ModelInfo.from_cfg(load_config(path, {'stream': stream}))
    description = json.loads(info.to_json())
    for keypoint in recordings(CONFIGS[config]):
        expected = by_pipeline(info, keypoint)
        output = prepare_clips(keypoint, description)
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, expected, rtol=1e-6, atol=1e-6)
        if len(expected) == 1:
            np.testing.assert_array_equal(prepare(keypoint, description), output[0])
    if config.startswith('dgstgcn'):
        with pytest.raises(ValueError, match='makes 10 clips: use prepare_clips'):
            prepare(recordings(CONFIGS[config])[0], description)


STEPS = (
    dict(type='AlignSkeleton'),
    dict(type='AlignSkeleton', center=0, spine=(0, 2), shoulders=(8, 4)),
    dict(type='UniformSample', clip_len=30, num_clips=3, test_mode=True),
    dict(type='UniformSample', clip_len=16, test_mode=True, seed=3, p_interval=(1, 1)),
    dict(type='UniformSample', clip_len=16, num_clips=2, test_mode=True, p_interval=(0.5, 0.9)),
)


@pytest.mark.parametrize('step', STEPS, ids=str)
def test_equals_the_transform(step: dict) -> None:
    for keypoint in recordings(25):
        results = dict(keypoint=keypoint.copy(), layout='nturgb+d')
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            expected = TRANSFORMS.build(dict(step))(results)['keypoint']
        settings = {key: value for key, value in step.items() if key != 'type'}
        output = preprocess.STEPS[step['type']](keypoint, **settings)
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)


def test_clips_are_averaged_as_in_the_tests() -> None:
    logits = np.random.default_rng(0).normal(size=(10, 7)).astype(np.float32)
    for kind in ('score', 'prob'):
        head = GCNHead(7, 4, average_clips=kind)
        expected = head.average_clip(torch.from_numpy(logits), num_segs=10)[0]
        output = preprocess.average_clips(logits, dict(average_clips=kind))
        np.testing.assert_allclose(output, expected, rtol=1e-5)


def test_frames_drawn_at_random_are_refused() -> None:
    with pytest.raises(ValueError, match='UniformSample needs test_mode'):
        preprocess.sample_uniformly(np.ones((1, 5, 25, 3), np.float32))


def test_copies_are_of_the_first_person() -> None:
    keypoint = np.random.default_rng(1).normal(size=(2, 4, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(format_persons(keypoint, 4, 'copy'), keypoint[[0, 1, 0, 0]])


def test_needs_numpy_alone(repo: Path) -> None:
    script = """
import importlib.util, sys
import numpy
before = set(sys.modules)
spec = importlib.util.spec_from_file_location('preprocess', sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
foreign = {name.partition('.')[0] for name in set(sys.modules) - before}
print(sorted(foreign - set(sys.stdlib_module_names) - {'numpy'}))
"""
    file = repo / 'mmcl_ext' / 'deployment' / 'preprocess.py'
    command = [sys.executable, '-c', script, str(file)]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == '[]'


def test_unfit_input_is_refused(repo: Path) -> None:
    path = repo / 'configs' / 'skeleton' / 'ctrgcn_ntu60.py'
    info = ModelInfo.from_cfg(load_config(path)).to_dict()
    for shape in ((1, 5, 20, 3), (5, 25, 3), (1, 0, 25, 3), (1, 5, 25, 2)):
        with pytest.raises(ValueError, match='need'):
            prepare(np.ones(shape, np.float32), info)
    broken = np.ones((1, 5, 25, 3), np.float32)
    broken[0, 2, 3, 1] = np.nan
    with pytest.raises(ValueError, match='finite'):
        prepare(broken, info)
    info['pipeline'] = [dict(type='mmcl_ext.RandomRotation')]
    with pytest.raises(ValueError, match='RandomRotation'):
        prepare(np.ones((1, 5, 25, 3)), info)


def test_packing_keeps_who_is_there() -> None:
    clips = np.zeros((3, 2, 4, 5, 3), np.float32)
    clips[0, 0], clips[0, 1], clips[2, 1] = 1, 2, 3
    persons, slots, members = pack_persons(clips)
    assert persons[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert slots.tolist() == [0, 1, 1]
    assert members.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
    nobody = pack_persons(np.zeros((2, 2, 4, 5, 3), np.float32))
    assert nobody.persons.shape == (1, 4, 5, 3)
    assert nobody.members.tolist() == [[1], [0]]
    with pytest.raises(ValueError, match='clips are'):
        pack_persons(clips[0])
