"""Sums that the reference feeders give on real sequences."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.dataset import Compose

_STREAMS = ('joint', 'bone', 'joint_motion', 'bone_motion')


def _run(keypoint: np.ndarray, layout: str, pipeline: list[dict[str, Any]]) -> np.ndarray:
    results = dict(
        keypoint=keypoint.astype(np.float32), layout=layout, total_frames=keypoint.shape[1]
    )
    return Compose(pipeline)(results)['keypoint'].astype(np.float64)


def _read_bodies(path: Path) -> np.ndarray:
    """Read a raw NTU RGB+D file: all bodies there in all frames, largest motion first."""
    lines = iter(path.read_text().split('\n'))
    bodies: dict[str, list] = {}
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            identity = next(lines).split()[0]
            joints = [next(lines).split()[:3] for _ in range(int(next(lines)))]
            bodies.setdefault(identity, []).append(np.array(joints, np.float32))
    stacked = [np.stack(frames) for frames in bodies.values()]
    return np.stack(sorted(stacked, key=lambda body: -body.reshape(-1, 3).var(axis=0).sum()))


@pytest.mark.parametrize(
    ('name', 'golden'),
    [
        ('S001C001P001R001A001', (-307.7470, 843.9761, 344.1412, 32.0458, 25.3482)),
        ('S001C003P008R002A058', (2516.2341, 4260.8667, 723.5914, 62.3025, 44.2047)),
    ],
)
def test_ntu_test_time_feeder(shared: Path, name: str, golden: tuple[float, ...]) -> None:
    keypoint = _read_bodies(shared / 'datasets' / 'ntu_sample' / f'{name}.skeleton')
    outputs = [
        _run(
            keypoint,
            'nturgb+d-ctrgcn',
            [
                dict(type='CenterSkeleton', joint=1),
                dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
                dict(type='SkeletonStream', stream=stream),
                dict(type='FormatSkeleton', num_person=2),
            ],
        )
        for stream in _STREAMS
    ]
    assert outputs[0].shape == (1, 2, 64, 25, 3)
    sums = (outputs[0].sum(), *(np.abs(output).sum() for output in outputs))
    np.testing.assert_allclose(sums, golden, atol=2e-3)


@pytest.mark.parametrize(
    ('name', 'golden', 'first'),
    [
        (
            'a05_s04_e02_v03',
            (-121.5408, 1193.2446, 540.8400, 73.4342, 40.0760),
            (0.32773, 0.20679, -0.70914),
        ),
        (
            'a12_s09_e04_v03',
            (329.2536, 1293.7075, 532.2425, 42.4471, 26.3932),
            (0.30822, 0.30236, 0.27615),
        ),
        ('a02_s09_e04_v03', (70.9367, 1637.4563, 850.3949, 0, 0), (0.72213, 0.05495, -0.28739)),
    ],
)
def test_nwucla_validation_feeder(
    shared: Path, name: str, golden: tuple[float, ...], first: tuple[float, ...]
) -> None:
    with zipfile.ZipFile(shared / 'datasets' / 'nw_ucla' / 'all_sqe.zip') as archive:
        member = next(m for m in archive.namelist() if m.endswith(f'{name}.json'))
        keypoint = np.array(json.loads(archive.read(member))['skeletons'])[None]
    outputs = [
        _run(
            keypoint,
            'kinect_v1',
            [
                dict(type='CenterSkeleton', joint=1),
                dict(type='RandomView', max_degrees=0, scale=(1, 1)),
                dict(type='NormalizeRange'),
                dict(type='PickFrames', num_frames=52),
                dict(type='SkeletonStream', stream=stream),
                dict(type='FormatSkeleton', num_person=1),
            ],
        )
        for stream in _STREAMS
    ]
    assert outputs[0].shape == (1, 1, 52, 20, 3)
    sums = (outputs[0].sum(), *(np.abs(output).sum() for output in outputs))
    np.testing.assert_allclose(sums, golden, atol=2e-3)
    np.testing.assert_allclose(outputs[0][0, 0, 0, 0], first, atol=1e-5)
