"""From joints round the hips to joints in the space of the camera."""

import numpy as np

DEFAULT_FOCAL = 0.8
"""Focal length in lengths of the image's longer side, where it is not known: a field of view of 64
degrees, as the main cameras of phones have; Kinect v2's colour camera has 0.55."""


def root_position(
    world: np.ndarray,
    keypoint: np.ndarray,
    score: np.ndarray,
    focal: float,
    center: tuple[float, float],
) -> np.ndarray:
    """Find where a person stands, from where the joints appear in the image and how large.

    The position t for which the joints ``world + t`` are projected onto ``keypoint``: with
    u = (keypoint - center) / focal, every joint gives x + t_x = u_x (z + t_z), likewise for y. The
    least-squares solution of these 2V linear equations, weighted by the scores, is t.

    ``world`` (N, V, 3) are metres, see :class:`FramePoses`, ``keypoint`` (N, V, 2), focal length
    and principal point pixels; ``score`` (N, V) are the weights.

    Returns:
        (N, 3) metres: to the right of the image, downwards, away from the camera.
    """
    u = (np.asarray(keypoint, np.float64) - center) / focal  # (N, V, 2)
    ones, zeros = np.ones_like(u[..., 0]), np.zeros_like(u[..., 0])
    rows = np.stack(
        [
            np.stack([ones, zeros, -u[..., 0]], axis=-1),
            np.stack([zeros, ones, -u[..., 1]], axis=-1),
        ],
        axis=2,
    )  # (N, V, 2, 3)
    sides = u * world[..., 2:] - world[..., :2]  # (N, V, 2)
    normal = np.einsum('nv,nvei,nvej->nij', score, rows, rows)
    right = np.einsum('nv,nvei,nve->ni', score, rows, sides)
    return np.einsum('nij,nj->ni', np.linalg.pinv(normal), right)


def camera_space(
    world: np.ndarray,
    keypoint: np.ndarray,
    score: np.ndarray,
    size: tuple[int, int],
    focal: float | None = None,
) -> np.ndarray:
    """Put persons into the space of a camera with the axes of Kinect and NTU RGB+D.

    Args:
        world: (..., V, 3) metres round the hips, see :class:`FramePoses`.
        keypoint: (..., V, 2) pixels.
        score: (..., V); a person whose scores are all zero is absent.
        size: Width and height of the image.
        focal: Focal length in pixels; None takes ``DEFAULT_FOCAL`` of the longer side.

    Returns:
        (..., V, 3) float32 metres: x to the left of the image (where the right hand of somebody
        is who faces the camera), y up, z away from the camera; zero for the absent.
    """
    shape = world.shape
    flat = world.reshape(-1, *shape[-2:]).astype(np.float64)
    weights = score.reshape(-1, shape[-2])
    center = size[0] / 2, size[1] / 2
    focal = DEFAULT_FOCAL * max(size) if focal is None else focal
    root = root_position(flat, keypoint.reshape(-1, shape[-2], 2), weights, focal, center)
    placed = (flat + root[:, None]) * (-1, -1, 1)
    placed[~weights.any(axis=1)] = 0
    return placed.reshape(shape).astype(np.float32)
