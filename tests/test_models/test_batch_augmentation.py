"""Augmentation of whole batches: that of the pipeline, by numbers of each sample's own."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gloo import run_in_two_processes
from mmengine.config import Config
from tiny_data import FAST_OPTIONS, write_tiny_data
from torch import Tensor

from mmcl_ext.apis import load_config, train_model
from mmcl_ext.datasets import transforms
from mmcl_ext.datasets.transforms import augmentation
from mmcl_ext.graphs import register_layout
from mmcl_ext.mmcl import MMCLDataPreprocessor
from mmcl_ext.models import SkeletonDataPreprocessor

N, T = 5, 12
STREAMS = ('joint', 'bone', 'k_bone', 'joint_motion', 'bone_motion', 'k_bone_motion')
KINDS: list[dict[str, Any]] = [
    dict(type='RandomRotation', theta=0.3),
    dict(type='RandomView'),
    dict(type='RandomScale', scale=0.2),
    dict(type='RandomMirror', layout='nturgb+d'),
    dict(type='RandomMirror', layout='nturgb+d', negate=False),
]


def metres(persons: int) -> np.ndarray:
    """Coordinates (M, T, V, 3) of the size of a body."""
    generator = np.random.default_rng(persons)
    return generator.normal(size=(persons, T, 25, 3), scale=0.3).astype('f4')


def batch() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(N, 1, 2, T, 25, 3)


def augmented(clips: Tensor, *steps: dict[str, Any], training: bool = True) -> Tensor:
    preprocessor = SkeletonDataPreprocessor(augment=steps)
    return preprocessor(dict(inputs=dict(keypoint=clips)), training)['inputs']['keypoint']


def give_numbers(monkeypatch: pytest.MonkeyPatch, drawn: np.ndarray) -> None:
    """Let a transform of a sample draw these numbers in [0, 1)."""

    def uniform(low: float, high: float, size: int = 1) -> Any:
        numbers = low + (high - low) * drawn[-size:]
        return numbers if size > 1 else numbers[0]

    def whole(low: int, high: int, size: int) -> Any:
        return np.floor(low + (high - low) * drawn[:size])

    monkeypatch.setattr(np.random, 'uniform', uniform)
    monkeypatch.setattr(np.random, 'randint', whole)
    monkeypatch.setattr(np.random, 'rand', lambda: drawn[0])
    monkeypatch.setattr(
        torch.Tensor, 'uniform_', lambda x, *ends: x.copy_(torch.tensor(uniform(*ends, 3)))
    )


@pytest.mark.parametrize('stream', STREAMS)
@pytest.mark.parametrize('step', KINDS, ids=lambda step: step['type'])
def test_the_pipelines_with_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, step: dict[str, Any], stream: str
) -> None:
    """Before the stream in the pipeline, after it in the batch; empty persons stay zero."""
    drawn = np.random.default_rng(0).random((N, 1 if 'Mirror' in step['type'] else 3))
    assert step['type'] != 'RandomMirror' or {True, False} == set((drawn < 0.5).ravel())
    persons = [1, 2, 1, 2, 1]
    after = [transforms.SkeletonStream(stream), transforms.FormatSkeleton(num_person=2)]
    with monkeypatch.context() as patch:
        patch.setattr(augmentation, 'draw_batch', lambda samples, count: drawn)
        clips = []
        for number in persons:
            results = dict(keypoint=metres(number), layout='nturgb+d')
            for transform in after:
                results = transform(results)
            clips.append(torch.from_numpy(results['keypoint']))
        found = augmented(torch.stack(clips), step)
    wanted = []
    for number, own in zip(persons, drawn, strict=True):
        with monkeypatch.context() as patch:
            give_numbers(patch, own)
            settings = {key: value for key, value in step.items() if key != 'type'}
            results = dict(keypoint=metres(number), layout='nturgb+d')
            for transform in (getattr(transforms, step['type'])(**settings), *after):
                results = transform(results)
        wanted.append(results['keypoint'])
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), np.stack(wanted), rtol=0, atol=1e-6)
    assert not found[[0, 2, 4], :, 1].any()
    assert (found - torch.stack(clips)).abs().amax() > 0.01


@pytest.mark.parametrize('step', KINDS, ids=lambda step: step['type'])
def test_in_training_only_and_by_the_seed(step: dict[str, Any]) -> None:
    clips = batch()
    kept = clips.clone()
    assert torch.equal(augmented(clips, step, training=False), kept)
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        runs.append([augmented(clips, step), augmented(clips, step)])
    assert torch.equal(clips, kept)
    assert all(map(torch.equal, runs[0], runs[1]))
    assert not torch.equal(runs[0][0], runs[0][1])
    assert not torch.equal(runs[0][0], runs[2][0])


def test_ranges_and_each_sample_its_own() -> None:
    torch.manual_seed(0)
    clips = torch.ones(2000, 1, 1, 1, 1, 3)
    scaled = augmented(clips, dict(type='RandomScale', scale=0.2)).view(-1, 3)
    assert 0.8 <= scaled.min() < 0.81
    assert 1.19 < scaled.max() <= 1.2
    assert scaled.unique().numel() > 5000
    sizes = augmented(clips, dict(type='RandomView', scale=(0.5, 1.5))).view(-1, 3).norm(dim=1)
    assert 0.5 <= sizes.min() / 3**0.5 < 0.51
    assert 1.49 < sizes.max() / 3**0.5 < 1.5
    up = torch.tensor([0.0, 1.0, 0.0]).expand(2000, 1, 1, 1, 1, 3)
    turned = augmented(up, dict(type='RandomView', max_degrees=2, scale=(1, 1))).view(-1, 3)
    degrees = torch.rad2deg(torch.atan2(turned[:, 2], turned[:, 1])).round(decimals=3)
    assert set(degrees.tolist()) == {-2, -1, 0, 1, 2}
    mirror = dict(type='RandomMirror', prob=0.3, layout='nturgb+d')
    mirrored = augmented(torch.ones(2000, 1, 1, 1, 25, 3), mirror)[..., 0].lt(0)
    assert 500 < mirrored.flatten(1).all(1).sum() == mirrored.flatten(1).any(1).sum() < 700


def test_a_reduced_number_format_keeps_the_coordinates() -> None:
    clips = batch()
    torch.manual_seed(0)
    wanted = augmented(clips, *KINDS)
    torch.manual_seed(0)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(augmented(clips, *KINDS), wanted)


def _scaled_with_one_seed(rank: int) -> Tensor:
    torch.manual_seed(3)  # that of every process, as MMEngine sets it
    return augmented(torch.ones(4, 1, 1, 1, 1, 3), dict(type='RandomScale'))


def test_processes_with_one_seed_draw_different_numbers(tmp_path: Path) -> None:
    first, second = run_in_two_processes(_scaled_with_one_seed, tmp_path)
    assert torch.cat((first, second)).unique().numel() == 2 * 4 * 3


def config(repo: Path, *augment: dict[str, Any]) -> Config:
    """The configuration of NTU RGB+D, small and short."""
    cfg = load_config(repo / 'configs/skeleton/ctrgcn_ntu60.py', FAST_OPTIONS)
    cfg.model.data_preprocessor = dict(type='SkeletonDataPreprocessor', augment=list(augment))
    cfg.train_cfg.max_epochs = 2
    return cfg


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_resumed_training_draws_what_an_unbroken_one_does(folder: Path, repo: Path) -> None:
    def trained(name: str, resume: str | None = None, **settings: Any) -> Tensor:
        cfg = config(repo, dict(type='RandomRotation', **settings), KINDS[-1])
        pipeline = cfg.train_dataloader.dataset.pipeline
        pipeline[:] = [step for step in pipeline if step['type'] != 'RandomRotation']
        model = train_model(cfg, work_dir=folder / name, seed=1, amp=False, resume=resume)
        return torch.cat([entry.flatten().double() for entry in model.state_dict().values()])

    unbroken = trained('a')
    torch.rand(7)
    assert torch.equal(trained('b', resume=str(folder / 'a/epoch_1.pth')), unbroken)
    assert not torch.equal(trained('c', theta=0.0), unbroken)


@pytest.mark.parametrize(
    ('step', 'message'),
    [
        (KINDS[0], 'RandomRotation is in the pipeline of .*take it out of one'),
        (KINDS[1], 'RandomView belongs before NormalizeRange'),
        (dict(type='RandomMirror'), "needs layout to mirror batches, as layout='nturgb"),
        (dict(type='RandomMirror', layout='kinect_v1'), '20 joints, the clips have 25'),
        (dict(type='RandomPartDrop'), 'RandomPartDrop in augment .* cannot change a batch'),
        (dict(type='RandomRotation', angle=1), "RandomRotation takes no 'angle'"),
    ],
)
def test_what_cannot_be_is_said_before_the_first_step(
    folder: Path, repo: Path, step: dict[str, Any], message: str
) -> None:
    cfg = config(repo, step)
    cfg.train_dataloader.dataset.pipeline.insert(1, dict(type='NormalizeRange'))
    with pytest.raises(ValueError, match=message) as error:
        train_model(cfg, work_dir=folder / 'work', seed=1, amp=False)
    assert '\n' not in str(error.value)


def test_clips_that_do_not_fit_are_refused() -> None:
    both = re.escape("{'keypoint': (5, 1, 2, 12, 25, 6)}")
    with pytest.raises(ValueError, match=f'of one stream, with at most 3 coordinates.*{both}'):
        augmented(torch.cat((batch(), batch()), -1), dict(type='RandomScale'))
    with pytest.raises(ValueError, match='RandomRotation needs C = 3 coordinates, got C = 2'):
        augmented(batch()[..., :2], dict(type='RandomRotation'))
    preprocessor = SkeletonDataPreprocessor(augment=KINDS[:1])
    with pytest.raises(ValueError, match='augment changes keypoint'):
        preprocessor(dict(inputs=dict(imgs=torch.zeros(1, 3))), training=True)
    edges = [(0, 2), (1, 0), (3, 1)]  # the right joint hangs on its neighbour
    layout = dict(name='askew', num_node=4, edges=edges, center=2, pairs=[(0, 3)])
    register_layout(layout, force=True)
    with pytest.raises(ValueError, match="'askew', whose left bones are not those of the right"):
        augmented(torch.zeros(1, 1, 1, 2, 4, 3), dict(type='RandomMirror', layout='askew'))


def test_the_preprocessor_of_co_learning_takes_it() -> None:
    clips = batch()
    torch.manual_seed(0)
    wanted = augmented(clips, KINDS[1])
    preprocessor = MMCLDataPreprocessor(augment=KINDS[1:2])
    data = dict(inputs=dict(keypoint=clips, text=torch.zeros(N, 4)))
    torch.manual_seed(0)
    assert torch.equal(preprocessor(data, training=True)['inputs']['keypoint'], wanted)


def test_the_benchmark_measures_both(repo: Path) -> None:
    small = ('--augment', '--clock', 'cpu', '--draws', '2', '--rounds', '1')
    command = [sys.executable, '-W', 'ignore', 'benchmarks/data_loading.py', *small]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    names = ['RandomRotation', 'RandomView', 'RandomScale', 'RandomMirror']
    assert [name for name, *_ in rows] == names
    assert all(float(number) > 0 for _, *numbers in rows for number in numbers)
