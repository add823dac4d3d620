"""The skeleton layouts that are known by name."""

import os
from collections.abc import Mapping
from typing import Any

from mmcl_ext.config.layout_files import read_layout
from mmcl_ext.fileio.name_file import DAMAGE, name_file
from mmcl_ext.graphs.layout import Groups, Layout

_KINECT_ARMS_AND_LEGS = tuple(
    f'{side}_{joint}'
    for joints in (('shoulder', 'elbow', 'wrist', 'hand'), ('hip', 'knee', 'ankle', 'foot'))
    for side in ('left', 'right')
    for joint in joints
)
_KINECT_PAIRS = tuple((joint, joint + 4) for joint in (4, 5, 6, 7, 12, 13, 14, 15))


def _from_one(*pairs: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Turn pairs of joints counted from one, as sensors' manuals print them, to 0-based."""
    return tuple((child - 1, parent - 1) for child, parent in pairs)


_NTU_JOINTS = (
    *('spine_base', 'spine_mid', 'neck', 'head'),
    *_KINECT_ARMS_AND_LEGS,
    *('spine_shoulder', 'left_hand_tip', 'left_thumb', 'right_hand_tip', 'right_thumb'),
)
_NTU_PAIRS = (*_KINECT_PAIRS, (21, 23), (22, 24))

# fmt: off
_NTU_BODY = _from_one(
    (1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9),
    (11, 10), (12, 11), (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18),
    (20, 19),
)

# HD-GCN's own tables (1-based). Around joint 1 the tips of the hands share the wrists'
# outer group with the hands, so plain hop distance does not give it.
_NTU_GROUPS: dict[int, Groups] = {
    1: (
        (1,), (2, 13, 17), (14, 18, 21), (3, 5, 9, 15, 19), (4, 6, 10, 16, 20), (7, 11),
        (8, 12, 22, 23, 24, 25),
    ),
    2: (
        (2,), (1, 21), (13, 17, 3, 5, 9), (14, 18, 4, 6, 10), (15, 19, 7, 11), (16, 20, 8, 12),
        (22, 23, 24, 25),
    ),
    21: (
        (21,), (2, 3, 5, 9), (4, 6, 10, 1), (7, 11, 13, 17), (8, 12, 14, 18),
        (22, 23, 24, 25, 15, 19), (16, 20),
    ),
}
_KINECT_V1_GROUPS: dict[int, Groups] = {
    1: (
        (1,), (2, 13, 17), (3, 14, 18), (4, 5, 9, 15, 19), (6, 10, 16, 20), (7, 11), (8, 12),
    ),
    2: ((2,), (1, 3), (4, 5, 9, 13, 17), (6, 10, 14, 18), (7, 11, 15, 19), (8, 12, 16, 20)),
    3: ((3,), (2, 4, 5, 9), (1, 6, 10), (7, 11, 13, 17), (8, 12, 14, 18), (15, 19), (16, 20)),
}

_LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            name='nturgb+d',
            joint_names=_NTU_JOINTS,
            edges=(*_NTU_BODY, *_from_one((22, 8), (23, 8), (24, 12), (25, 12))),
            center=20,
            pairs=_NTU_PAIRS,
            hd_groups=_NTU_GROUPS,
        ),
        Layout(
            name='nturgb+d-ctrgcn',
            joint_names=_NTU_JOINTS,
            edges=(*_NTU_BODY, *_from_one((22, 23), (23, 8), (24, 25), (25, 12))),
            center=20,
            pairs=_NTU_PAIRS,
            hd_groups=_NTU_GROUPS,
        ),
        Layout(
            name='kinect_v1',
            joint_names=('hip_center', 'spine', 'shoulder_center', 'head', *_KINECT_ARMS_AND_LEGS),
            edges=_from_one(
                (1, 2), (2, 3), (4, 3), (5, 3), (6, 5), (7, 6), (8, 7), (9, 3), (10, 9), (11, 10),
                (12, 11), (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18),
                (20, 19),
            ),
            center=2,
            pairs=_KINECT_PAIRS,
            hd_groups=_KINECT_V1_GROUPS,
        ),
        Layout(
            name='coco',
            joint_names=(
                'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder',
                'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist',
                'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle',
            ),
            edges=(
                (15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5), (10, 8),
                (8, 6), (5, 0), (6, 0), (1, 0), (3, 1), (2, 0), (4, 2),
            ),
            center=0,
            pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
        ),
        Layout(
            name='openpose',
            joint_names=(
                'nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder',
                'left_elbow', 'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip',
                'left_knee', 'left_ankle', 'right_eye', 'left_eye', 'right_ear', 'left_ear',
            ),
            edges=(
                (4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5),
                (8, 2), (5, 1), (2, 1), (0, 1), (15, 0), (14, 0), (17, 15), (16, 14),
            ),
            center=1,
            pairs=((5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10), (15, 14), (17, 16)),
        ),
        Layout(
            name='blazepose',
            joint_names=(
                'nose', 'left_eye_inner', 'left_eye', 'left_eye_outer', 'right_eye_inner',
                'right_eye', 'right_eye_outer', 'left_ear', 'right_ear', 'left_mouth',
                'right_mouth', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
                'left_wrist', 'right_wrist', 'left_pinky', 'right_pinky', 'left_index',
                'right_index', 'left_thumb', 'right_thumb', 'left_hip', 'right_hip', 'left_knee',
                'right_knee', 'left_ankle', 'right_ankle', 'left_heel', 'right_heel',
                'left_foot_index', 'right_foot_index',
            ),
            edges=(
                (1, 0), (2, 1), (3, 2), (7, 3), (4, 0), (5, 4), (6, 5), (8, 6), (9, 0), (10, 0),
                (11, 0), (12, 0), (13, 11), (15, 13), (17, 15), (19, 15), (21, 15), (14, 12),
                (16, 14), (18, 16), (20, 16), (22, 16), (23, 11), (24, 12), (25, 23), (27, 25),
                (29, 27), (31, 29), (26, 24), (28, 26), (30, 28), (32, 30), (12, 11), (24, 23),
            ),
            center=0,
            pairs=(
                (1, 4), (2, 5), (3, 6), (7, 8), (9, 10),
                *((joint, joint + 1) for joint in range(11, 33, 2)),
            ),
        ),
    )
}
# fmt: on


def layout_names() -> tuple[str, ...]:
    """Names of all known layouts."""
    return tuple(_LAYOUTS)


def usual_layout(num_joints: int) -> str | None:
    """Name the layout that data sets and pose estimators with so many joints mostly have."""
    usual = {33: 'blazepose', 25: 'nturgb+d', 20: 'kinect_v1', 18: 'openpose', 17: 'coco'}
    return usual.get(num_joints)


def get_layout(name: str) -> Layout:
    """Look a layout up by its name; a ValueError where there is none."""
    if name not in _LAYOUTS:
        raise ValueError(f'unknown layout {name!r}; known are {list(_LAYOUTS)}')
    return _LAYOUTS[name]


def register_layout(layout: Layout | Mapping[str, Any], *, force: bool = False) -> Layout:
    """Make a layout known by its name, which without ``force`` must not be another's."""
    layout = resolve_layout(layout)
    known = _LAYOUTS.setdefault(layout.name, layout)
    if known != layout and not force:
        raise ValueError(f'another layout is already called {layout.name!r}; pass force=True')
    _LAYOUTS[layout.name] = layout
    return layout


def resolve_layout(layout: str | Layout | Mapping[str, Any]) -> Layout:
    """Accept a layout by its name or ``.json`` file, as an object or as its description."""
    if isinstance(layout, str):
        return _read(layout) if layout.endswith('.json') else get_layout(layout)
    if isinstance(layout, Layout):
        return layout
    if isinstance(layout, Mapping):
        return Layout.from_dict(layout)
    raise TypeError(f'a layout is a name, a Layout or a dict, received {layout!r}')


def load_layout(layout: str | os.PathLike | Mapping[str, Any]) -> str:
    """Make a layout known, by its name, from a ``.json`` file or a description; return its name.

    The file has ``name``, ``joint_names``, ``edges``, ``center`` and, as wanted,
    ``pairs`` and ``hd_groups``; see :class:`Layout`. A relative path starts at the current folder.
    """
    if isinstance(layout, Mapping):
        return register_layout(layout).name
    return register_layout(resolve_layout(os.fspath(layout))).name


def _read(path: str) -> Layout:
    description = read_layout(path)
    with name_file(path, DAMAGE):
        return Layout.from_dict(description)
