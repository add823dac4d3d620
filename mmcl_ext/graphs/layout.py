from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.graphs.adjacency import hop_distance

Groups = tuple[tuple[int, ...], ...]
_MOST_JOINTS = 1000


@dataclass(frozen=True)
class Layout:
    """Joints of a skeleton and how they hang together; a ValueError unless that is sound.

    Args:
        joint_names: Names of the V joints, 2 to 1000, in the order of the data.
        edges: Bones as pairs (child, parent), 0-based, that lead each joint to the centre. Where a
            joint has several parents, the bone leads to the one listed first.
        center: Joint at the root of the bones, 0-based.
        pairs: Mirror images as pairs (left, right), 0-based.
        hd_groups: Hierarchies of the HD-Graph: centre of mass (1-based, as in
            the paper) to groups of joints (1-based) from the centre outwards, each joint once.
    """

    name: str
    joint_names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    center: int
    pairs: tuple[tuple[int, int], ...] = ()
    hd_groups: Mapping[int, Groups] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not 2 <= self.num_joints <= _MOST_JOINTS:
            raise ValueError(
                f'layout {self.name!r} has {self.num_joints} joints, needs two to {_MOST_JOINTS}'
            )
        _check_words(self)
        _check_joints(self, 'center', (self.center,))
        for edge in self.edges:
            _check_joints(self, 'edge', edge)
        for pair in self.pairs:
            _check_joints(self, 'left-right pair', pair)
        twice = [joint for joint, n in Counter(sum(self.pairs, ())).items() if n > 1]
        if twice:
            raise ValueError(f'layout {self.name!r}: joint {twice[0]} stands in the pairs twice')
        _check_edges(self)
        _check_connected(self)
        _check_rooted(self)
        _check_groups(self)

    @property
    def num_joints(self) -> int:
        """Number of joints, V."""
        return len(self.joint_names)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Parent of every joint (0-based); the centre is its own: the list of bones."""
        first: dict[int, int] = {self.center: self.center}
        for child, parent in self.edges:
            first.setdefault(child, parent)
        return tuple(first[joint] for joint in range(self.num_joints))

    @cached_property
    def partners(self) -> np.ndarray:
        """For each joint (V,) the one on the other side, itself on the middle line."""
        partners = np.arange(self.num_joints)
        for left, right in self.pairs:
            partners[[left, right]] = right, left
        return partners

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> 'Layout':
        """Read a layout from a configuration.

        Its keys are ``edges`` (or ``inward``, MMAction2's word), ``center``, ``joint_names`` or
        their number ``num_node``, and optionally ``name``, ``pairs`` and ``hd_groups``.
        """
        values = dict(description)
        if 'edges' not in values and 'inward' in values:
            values['edges'] = values.pop('inward')
        num_node = values.pop('num_node', None)
        values.setdefault('name', 'custom')
        if num_node is not None:
            if not 0 <= num_node <= _MOST_JOINTS:
                raise ValueError(f'num_node is 2 to {_MOST_JOINTS}, got {num_node}')
            values.setdefault('joint_names', tuple(f'joint_{i + 1}' for i in range(num_node)))
        _check_keys(values, description)
        if num_node not in (None, len(values['joint_names'])):
            count = len(values['joint_names'])
            raise ValueError(f'num_node is {num_node}, but {count} joint_names are given')
        groups = values.get('hd_groups') or {}
        return cls(
            name=values['name'],
            joint_names=_names(values['joint_names']),
            edges=_tuples(values['edges']),
            center=values['center'],
            pairs=_tuples(values.get('pairs', ())),
            hd_groups={int(center): _tuples(value) for center, value in groups.items()},
        )


def _names(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ValueError(f'joint_names is a list of names, got {bounded_repr(names)}')
    return tuple(names)


def _tuples(rows: Sequence[Sequence[int]]) -> tuple[Any, ...]:
    return tuple(tuple(row) for row in rows)


def _check_words(layout: Layout) -> None:
    words = (layout.name, *layout.joint_names)
    if not all(isinstance(word, str) and word and word.isprintable() for word in words):
        shown = bounded_repr(words)
        raise ValueError(f'a layout and its joints have names, printable and not empty: {shown}')
    name, number = Counter(layout.joint_names).most_common(1)[0]
    if number > 1:
        raise ValueError(f'layout {layout.name!r}: two joints are called {name!r}')


def _check_keys(values: Mapping[str, Any], description: Mapping[str, Any]) -> None:
    required = ('name', 'joint_names', 'edges', 'center')
    known = (*required, 'pairs', 'hd_groups')
    missing = [key for key in required if key not in values]
    unknown = [key for key in values if key not in known]
    if missing or unknown:
        raise ValueError(
            f'a layout needs edges (or inward), center and joint_names (or num_node); '
            f'missing: {missing}, unknown: {unknown}, received: {sorted(description)}'
        )


def _check_joints(layout: Layout, what: str, joints: Sequence[int]) -> None:
    for joint in joints:
        if isinstance(joint, bool) or not isinstance(joint, int | np.integer):
            raise ValueError(f'layout {layout.name!r}: {what} {joints} holds a non-integer joint')
        if not 0 <= joint < layout.num_joints:
            raise ValueError(
                f'layout {layout.name!r}: joint {joint} of {what} {tuple(joints)} is outside '
                f'0..{layout.num_joints - 1}'
            )
    if what != 'center' and len(joints) != 2:
        raise ValueError(f'layout {layout.name!r}: {what} {tuple(joints)} is not a pair')


def _check_edges(layout: Layout) -> None:
    seen: set[frozenset[int]] = set()
    for edge in layout.edges:
        if frozenset(edge) in seen or edge[0] == edge[1]:
            raise ValueError(f'layout {layout.name!r}: edge {edge} is repeated or a self-loop')
        seen.add(frozenset(edge))


def _check_connected(layout: Layout) -> None:
    hops = hop_distance(layout.num_joints, layout.edges)[layout.center]
    lost = np.flatnonzero(np.isinf(hops)).tolist()
    if lost:
        raise ValueError(
            f'layout {layout.name!r} is disconnected: no edges lead from the centre '
            f'{layout.center} to the joints {lost}'
        )


def _check_rooted(layout: Layout) -> None:
    children = {child for child, _ in layout.edges}
    orphans = sorted(set(range(layout.num_joints)) - children - {layout.center})
    if orphans:
        raise ValueError(
            f"layout {layout.name!r}: joints {orphans} are nobody's child; write edges as "
            f'(child, parent) pairs that lead to the centre {layout.center}'
        )
    parents = np.array(layout.parents)
    ancestors = parents
    for _ in range(layout.num_joints):
        ancestors = parents[ancestors]
    astray = np.flatnonzero(ancestors != layout.center).tolist()
    if astray:
        raise ValueError(
            f'layout {layout.name!r}: the parents of joints {astray} run in a circle and do not '
            f'lead to the centre {layout.center}'
        )


def _check_groups(layout: Layout) -> None:
    everyone = list(range(1, layout.num_joints + 1))
    for center, groups in layout.hd_groups.items():
        members = sorted(joint for group in groups for joint in group)
        whole = all(type(joint) is int for group in groups for joint in group)
        if members != everyone or tuple(groups[0]) != (center,) or not (whole and all(groups)):
            raise ValueError(
                f'layout {layout.name!r}: the hierarchy around {center} must begin with that '
                f'joint alone and hold each of the joints 1..{layout.num_joints} once, '
                f'received {groups}'
            )


def conflict(a: Layout, b: Layout) -> str | None:
    """Say how two layouts differ that a graph and its data have to share; None if they agree.

    Those of different names may have other bones between the same joints, as the two of NTU
    RGB+D; of one name they may not.
    """
    ours, theirs = a.joint_names, b.joint_names
    if len(ours) != len(theirs):
        return f'{a.name!r} has {len(ours)} joints, {b.name!r} {len(theirs)}'
    place = next(
        (i for i, pair in enumerate(zip(ours, theirs, strict=True)) if len({*pair}) > 1), None
    )
    if place is not None:
        return f'joint {place} is {ours[place]!r} in {a.name!r}, {theirs[place]!r} in {b.name!r}'
    if a.name == b.name and (set(a.edges), a.center) != (set(b.edges), b.center):
        only = [sorted(set(x.edges) - set(y.edges)) for x, y in ((a, b), (b, a))]
        return (
            f'two layouts are called {a.name!r}: edges {only[0]} and centre {a.center}, against '
            f'{only[1]} and {b.center}'
        )
    return None
