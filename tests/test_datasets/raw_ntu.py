"""Raw ``.skeleton`` files, made up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

Bodies = dict[int, np.ndarray]
"""Joints (25, 3) by body identity: one frame."""


def skeleton_text(frames: Sequence[Bodies], newline: str = '\n') -> str:
    """Write down frames in the sensor's format."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for identity, joints in bodies.items():
            lines.append(f'7205759403793110{identity} 0 1 1 1 0 0 0.07 -0.2 2')
            lines.append('25')
            lines += [
                f'{x:.7g} {y:.7g} {z:.7g} 277 191 1036 519 -0.2 0.03 0.9 -0.01 2'
                for x, y, z in joints
            ]
    return newline.join([*lines, ''])


def standing(seed: int, x: float = 0.0, motion: float = 0.05) -> np.ndarray:
    """Joints (25, 3) of somebody taller than wide."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-0.2, 0.2, (25, 3)) + np.array((x, 0, 3))
    joints[:, 1] = np.linspace(-0.9, 0.9, 25) + rng.normal(0, motion)
    return joints.astype(np.float32)


def lying(seed: int) -> np.ndarray:
    """Joints (25, 3) of something wider than tall."""
    joints = standing(seed)
    joints[:, 0] = np.linspace(-1, 1, 25)
    joints[:, 1] *= 0.1
    return joints


def clip(present: Sequence[Sequence[int]], **options: float) -> list[Bodies]:
    """Make frames from the identities that are seen in each."""
    return [
        {identity: standing(100 * t + identity, x=identity, **options) for identity in identities}
        for t, identities in enumerate(present)
    ]


def write_clip(folder: Path, name: str, frames: Sequence[Bodies]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{name}.skeleton'
    path.write_text(skeleton_text(frames))
    return path
