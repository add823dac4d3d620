"""Errors of a depth sensor's body tracker."""

import numpy as np

from mmcl_ext.synthetic.kinematics import JOINT

# Ends of limbs that a tracker loses from sight together.
_GROUPS = (
    ('left_wrist', 'left_hand', 'left_hand_tip', 'left_thumb'),
    ('right_wrist', 'right_hand', 'right_hand_tip', 'right_thumb'),
    ('left_ankle', 'left_foot'),
    ('right_ankle', 'right_foot'),
)
_UNSTEADY = {'hand_tip': 2.5, 'thumb': 2.5, 'hand': 1.6, 'wrist': 1.3, 'foot': 1.8, 'ankle': 1.4}


def add_sensor_noise(
    joints: np.ndarray, rng: np.random.Generator, scale: float = 1.0
) -> np.ndarray:
    """Disturb joints (T, V=25, 3), in metres and the sensor's axes, as a tracker does.

    There is white noise that grows with the distance from the sensor, a slowly varying error of
    each joint, and now and then the end of a limb is lost for some frames and its joints are
    inferred, that is, jitter by centimetres. ``scale`` is the size of all errors, 0 for none.

    Raises:
        ValueError: The scale is negative.
    """
    if scale < 0:
        raise ValueError(f'scale is {scale}, expected 0 or more')
    weight = np.array([_unsteadiness(name) for name in JOINT])[:, None]
    distance = joints[..., 2:].clip(1.0) / 3.0
    noise = rng.normal(0.0, 0.007, joints.shape) * weight * distance
    noise += 0.009 * weight * _correlated(rng, joints.shape, 0.9)
    for _ in range(int(rng.poisson(1.2))):
        noise += _lost_limb(rng, joints.shape)
    return joints + scale * noise


def _unsteadiness(name: str) -> float:
    return next((value for part, value in _UNSTEADY.items() if name.endswith(part)), 1.0)


def _correlated(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> np.ndarray:
    """First-order autoregressive noise of unit variance along the first axis."""
    noise = rng.normal(size=shape)
    for frame in range(1, shape[0]):
        noise[frame] = memory * noise[frame - 1] + np.sqrt(1 - memory**2) * noise[frame]
    return noise


def _lost_limb(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    group = [JOINT[name] for name in _GROUPS[rng.integers(len(_GROUPS))]]
    length = int(rng.integers(3, 11))
    first = int(rng.integers(max(shape[0] - length, 1)))
    jitter = np.zeros(shape)
    block = jitter[first : first + length]
    # The joints of a lost limb go astray together, each a little on its own.
    together = 0.06 * _correlated(rng, (len(block), 1, 3), 0.5)
    block[:, group] = together + 0.02 * rng.normal(size=(len(block), len(group), 3))
    return jitter
