from collections.abc import Mapping

import numpy as np

from mmcl_ext.graphs.joint_map_tables import TABLES, Weights
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import get_layout

_HUB = 'nturgb+d'  # layouts without a table of their own go by way of these joints


def joint_map_variants(source: str, target: str) -> tuple[str, ...]:
    """Names of the tables that lead straight from one layout to another, default first."""
    key = _family(get_layout(source)), _family(get_layout(target))
    return tuple(TABLES.get(key, ()))


def joint_matrix(
    source: str,
    target: str,
    variant: str | None = None,
    weights: Mapping[str, Mapping[str, float]] | None = None,
) -> np.ndarray:
    """Return the matrix (V of the target, V of the source) between two layouts, float64.

    A joint of the target without weights is the joint of the same name in the source.
    Every row sums to 1, so that the map commutes with translations, rotations and
    scaling, and an absent (all-zero) body stays one.

    Args:
        variant: Table to use, see :func:`joint_map_variants`; None takes the default,
            which for two layouts without a table is the product of the maps to and from
            NTU RGB+D's joints.
        weights: For joints of the target, the weights of joints of the source, all by
            name; takes the place of the tables.
    """
    layouts = get_layout(source), get_layout(target)
    if weights is not None:
        if variant is not None:
            raise ValueError(f'give the variant {variant!r} or weights, not both')
        return _matrix(*layouts, weights)
    known = joint_map_variants(source, target)
    if variant is not None and variant not in known:
        raise ValueError(
            f'no joint map {variant!r} from {source!r} to {target!r}; known are {list(known)}'
        )
    return _tabled(source, target, variant)


def _family(layout: Layout) -> str:
    """Return the name under which the tables know a layout: that of any with its joints."""
    for name in {name for pair in TABLES for name in pair}:
        if get_layout(name).joint_names == layout.joint_names:
            return name
    return layout.name


def _tabled(source: str, target: str, variant: str | None) -> np.ndarray:
    layouts = get_layout(source), get_layout(target)
    tables = TABLES.get((_family(layouts[0]), _family(layouts[1])))
    if tables:
        return _matrix(*layouts, tables[variant or next(iter(tables))])
    by_name = set(layouts[1].joint_names) <= set(layouts[0].joint_names)
    hub = get_layout(_HUB).joint_names
    if by_name or hub in (layouts[0].joint_names, layouts[1].joint_names):
        return _matrix(*layouts, {})
    return _tabled(_HUB, target, None) @ _tabled(source, _HUB, None)


def _matrix(source: Layout, target: Layout, weights: Weights) -> np.ndarray:
    title = f'joint map from {source.name!r} to {target.name!r}'
    unknown = sorted(set(weights) - set(target.joint_names))
    if unknown:
        raise ValueError(f'{title}: the target has no joints {unknown}')
    matrix = np.zeros((target.num_joints, source.num_joints))
    for row, joint in zip(matrix, target.joint_names, strict=True):
        terms = weights.get(joint, {joint: 1.0})
        for name, weight in terms.items():
            if name not in source.joint_names:
                raise ValueError(
                    f'{title}: joint {joint!r} asks for {name!r}, which the source lacks; '
                    f'give its weights on {list(source.joint_names)}'
                )
            row[source.joint_names.index(name)] = weight
        if not np.isclose(row.sum(), 1):
            raise ValueError(f'{title}: the weights of {joint!r} sum to {row.sum():g}, not 1')
    return matrix
