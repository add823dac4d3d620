from functools import cache

from mmcl_ext.graphs.layouts import get_layout

_ARM = {'shoulder', 'elbow', 'wrist', 'hand', 'thumb', 'pinky', 'index'}
_LEG = {'hip', 'knee', 'ankle', 'heel', 'foot'}
_HEAD = {'head', 'neck', 'nose', 'eye', 'ear', 'mouth'}


def _part(joint_name: str) -> str:
    words = joint_name.split('_')
    if _HEAD & set(words):
        return 'head'
    if words[0] in ('left', 'right'):
        limb = 'leg' if _LEG & set(words) else 'arm' if _ARM & set(words) else ''
        return f'{words[0]}_{limb}' if limb else ''
    return 'trunk'


@cache
def body_parts(layout: str) -> dict[str, tuple[int, ...]]:
    """Split a layout's joints (0-based) into head, trunk, arms and legs, as far as it has them.

    Joints are named as those of the known layouts: ``left_elbow``, ``right_foot``, ``spine``...
    A layout whose names do not tell arms and legs is a ValueError.
    """
    parts: dict[str, list[int]] = {}
    names = get_layout(layout).joint_names
    for joint, name in enumerate(names):
        parts.setdefault(_part(name), []).append(joint)
    limbs = {f'{side}_{limb}' for side in ('left', 'right') for limb in ('arm', 'leg')}
    if '' in parts or not limbs <= set(parts):
        raise ValueError(
            f'the joint names of layout {layout!r} do not tell its arms and legs: {names}'
        )
    return {name: tuple(joints) for name, joints in parts.items()}
