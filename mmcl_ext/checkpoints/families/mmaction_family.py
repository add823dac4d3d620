"""What the checkpoints of MMAction2 and PYSKL have in common."""

import torch
from torch import Tensor

from mmcl_ext.checkpoints.families.family import (
    Config,
    Family,
    input_shape,
    layout_of,
    without_defaults,
)
from mmcl_ext.checkpoints.families.key_table import State
from mmcl_ext.registry import GRAPHS


class MMActionFamily(Family):
    """A recognizer's ``backbone`` and ``cls_head``, as in MMAction2 and PYSKL."""

    def clean(self, state: State) -> dict[str, Tensor]:
        """Give PYSKL's classifier the name that it has in MMAction2, and drop preprocessors."""
        return {
            key.replace('cls_head.fc_cls.', 'cls_head.fc.'): value
            for key, value in state.items()
            if not key.startswith('data_preprocessor.')
        }


def norm_settings(state: State, joints: int, channels: int, default: str) -> Config:
    """Find how the input is normalised; the default is left out."""
    if 'backbone.data_bn.weight' not in state:
        return dict(data_bn_type=None)
    shape = input_shape(state, joints, channels, 'backbone.data_bn')
    kind = 'VC' if shape.get('num_person') == 1 and default == 'VC' else 'MVC'
    if kind == 'VC':
        del shape['num_person']
    return shape | without_defaults(dict(data_bn_type=kind), data_bn_type=default)


def match_graph(adjacency: Tensor) -> Config:
    """Find the graph whose adjacency (S, V, V), column-receives, a network was given.

    A trained adjacency is none of them; then any with as many subsets will do, since
    the checkpoint's values take its place.

    Raises:
        ValueError: If no graph has as many subsets.
    """
    layout = layout_of(adjacency.shape[-1])
    modes = ('mmaction_spatial', 'stgcn_spatial', 'spatial', 'binary_adj')
    candidates: list[Config] = [
        dict(type='SkeletonGraph', layout=layout, mode=mode) for mode in modes
    ]
    arrays = [torch.from_numpy(GRAPHS.build(cfg).A) for cfg in candidates]
    fitting = [i for i, array in enumerate(arrays) if array.shape == adjacency.shape]
    if not fitting:
        raise ValueError(
            f'no graph of layout {layout!r} has {len(adjacency)} subsets: '
            'give a configuration whose graph has them'
        )
    same = [i for i in fitting if torch.allclose(arrays[i].transpose(-1, -2), adjacency.float())]
    return candidates[(same or fitting)[0]]
