"""Choice of the frames of a clip that a composite image shows."""

from dataclasses import dataclass

import numpy as np

from mmcl_ext.fileio.printable import counted


@dataclass(frozen=True)
class Clip:
    """A few frames of a sample and the person in them.

    Attributes:
        frames: m images (H, W, 3), uint8, BGR, in time order.
        boxes: (m, 4) person boxes x1, y1, x2, y2 in pixels.
        found: (m,) bool, False where no person was found and the box is the whole frame.
    """

    frames: tuple[np.ndarray, ...]
    boxes: np.ndarray
    found: np.ndarray


def sample_frames(num_frames: int, num_tiles: int = 5, rule: str = 'center') -> np.ndarray:
    """Choose frames (m,) spread uniformly over a clip (MMCL, arXiv 2407.15706, Eq. 2).

    ``'center'`` takes the centres of m equal segments; ``'first'`` is IPP-Net's rule: multiples of
    ``n // m`` from frame 0, which never reaches the end. With n < m some come twice. A ValueError
    if a number is below 1 or the rule is unknown.
    """
    if num_frames < 1 or num_tiles < 1:
        raise ValueError(
            f'need at least one frame and one tile, got {counted(num_frames, "frame")}, '
            f'{counted(num_tiles, "tile")}'
        )
    tile = np.arange(num_tiles)
    if rule == 'center':
        return (2 * tile + 1) * num_frames // (2 * num_tiles)
    if rule == 'first':
        if num_frames >= num_tiles:
            return tile * (num_frames // num_tiles)
        return tile * num_frames // num_tiles
    raise ValueError(f"unknown rule {rule!r}, expected 'center' or 'first'")


def match_frames(
    video_frames: np.ndarray, num_video: int, num_skeleton: int, lag: float = 0
) -> np.ndarray:
    """Match frames (T,) of a video to frames (T,) of a skeleton by their share of the clip.

    The video trails by ``lag`` of its frames; beyond the ends stands the first or last frame.
    """
    share = (video_frames - lag + 0.5) / num_video
    return np.clip(np.floor(share * num_skeleton), 0, num_skeleton - 1).astype(np.int64)
