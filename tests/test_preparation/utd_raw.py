"""A miniature UTD-MHAD: a ball of a head, a stick of a body, one hand that moves."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

FOCAL = 285.63


def skeleton(frames: int, distance: float = 3.0) -> np.ndarray:
    """(20, 3, T) raw joints of a person who walks to the right by 2 cm a frame."""
    joints = np.zeros((20, 3, frames))
    joints[:, 1] = np.linspace(0.6, -1.0, 20)[:, None]  # head to foot
    joints[:, 0] = 0.02 * np.arange(frames)
    joints[:, 2] = distance
    return joints


def depth_maps(frames: int, distance: float = 3.0, lag: int = 2) -> np.ndarray:
    """(240, 320, T) millimetres: a bar that hides the person of ``skeleton``, lagging it."""
    depth = np.zeros((240, 320, frames), dtype=np.uint16)
    for frame in range(frames):
        x = 160 + FOCAL * 0.02 * max(frame - lag, 0) / distance
        top, bottom = 120 - FOCAL * 0.6 / distance, 120 + FOCAL * 1.0 / distance
        left, right = round(x) - 5, round(x) + 6
        depth[int(top) : int(bottom), left:right, frame] = distance * 1000
    return depth


def save_sample(root: Path, name: str, frames: int, stride: int = 1) -> None:
    """Write one sample's skeleton and depth files."""
    for folder in ('Skeleton', 'Depth'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    savemat(root / 'Skeleton' / f'{name}_skeleton.mat', {'d_skel': skeleton(frames)})
    depth = depth_maps(frames)[..., ::stride]
    savemat(root / 'Depth' / f'{name}_depth.mat', {'d_depth': depth}, do_compression=True)
