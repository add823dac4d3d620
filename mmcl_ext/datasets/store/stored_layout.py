"""The skeleton that a store describes, compared with the one known by that name."""

import json
from collections.abc import Mapping
from typing import Any

from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.graphs.layouts import get_layout, layout_names, register_layout

_SKELETON = ('joint_names', 'edges', 'center', 'pairs')
_MOST_JOINTS = 1000
"""More are taken for a mistake: the distances of a layout's joints fill a square table."""


def check_stored_layout(name: str, description: Mapping[str, Any] | None, num_joints: int) -> None:
    """Compare the layout of a store with the known one, or make the user's own known.

    Args:
        name: Name of the layout.
        description: What the store tells of it, None where it is silent.
        num_joints: Joints of the coordinates, V.

    Raises:
        ValueError: Description, known layout and coordinates do not agree.
    """
    if name not in layout_names():
        if description is None:
            raise ValueError(f'layout {bounded_repr(name)} is neither known nor described')
        _register(name, description, num_joints)
    layout = get_layout(name)
    for key in _SKELETON:
        known = json.loads(json.dumps(getattr(layout, key), default=int))
        if description is not None and known != description.get(key):
            raise ValueError(f'{key!r} differs from the known layout {bounded_repr(name)}')
    if layout.num_joints != num_joints:
        raise ValueError(
            f"layout {bounded_repr(name)} has {layout.num_joints} joints, 'keypoint' {num_joints}"
        )


def _register(name: str, description: Mapping[str, Any], num_joints: int) -> None:
    """Make a layout known to this process, which has not seen it yet."""
    names = description.get('joint_names')
    if not isinstance(names, list) or not set(map(type, names)) <= {str}:
        raise ValueError("'joint_names' is no list of strings")
    if len(names) != num_joints or num_joints > _MOST_JOINTS:
        raise ValueError(
            f"{len(names)} 'joint_names' for the {num_joints} joints of 'keypoint', which may be "
            f'at most {_MOST_JOINTS}'
        )
    if description.get('name') != name:
        raise ValueError(f"'name' is not {bounded_repr(name)}")
    keys = ('name', *_SKELETON, 'hd_groups')
    try:
        register_layout({key: description[key] for key in keys if key in description})
    except (AttributeError, IndexError, KeyError, TypeError, OverflowError, ValueError) as error:
        raise ValueError(bounded_repr(str(error))) from error
