import re
from types import MappingProxyType

import torch
from torch import Tensor

from mmcl_ext.checkpoints.families.ctrgcn import CTRGCNFamily
from mmcl_ext.checkpoints.families.family import (
    Config,
    Family,
    Options,
    Settings,
    input_shape,
    layout_of,
    recognizer,
    stages,
    take_entry,
    without_defaults,
)
from mmcl_ext.checkpoints.families.key_table import State
from mmcl_ext.fileio.printable import counted
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
            f'no graph of layout {layout!r} has {counted(len(adjacency), "subset")}: '
            'give a configuration whose graph has them'
        )
    same = [i for i in fitting if torch.allclose(arrays[i].transpose(-1, -2), adjacency.float())]
    return candidates[(same or fitting)[0]]


_ONE_SUBSET = (
    'With one subset nothing shows on which side of the aggregation the convolution stands: '
    "if the checkpoint was trained with gcn_conv_pos='post', import it with a configuration "
    'that says so.',
)


class MMActionSTGCNFamily(MMActionFamily):
    """ST-GCN and ST-GCN++ of MMAction2 and PYSKL."""

    name = 'ST-GCN of MMAction2 or PYSKL'
    signature = 'backbone.gcn.0.gcn.conv.weight'
    backbone = 'STGCN'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        unit = 'backbone.gcn.0.gcn'
        adjacency = take_entry(state, f'{unit}.A')
        weight = take_entry(state, f'{unit}.conv.weight')
        width = len(take_entry(state, f'{unit}.bn.weight'))
        subsets = len(adjacency)
        before = len(weight) == width * subsets
        channels = weight.shape[1] // (1 if before else subsets)
        backbone: Config = dict(type='STGCN', graph_cfg=match_graph(adjacency))
        backbone |= norm_settings(state, adjacency.shape[-1], channels, 'VC')
        backbone |= stages(state, 'backbone.gcn.{}.gcn.bn.weight', first=0)
        found = dict(
            gcn_adaptive=_adaptive(state, unit),
            gcn_conv_pos='pre' if before else 'post',
            gcn_with_res=f'{unit}.down.0.weight' in state,
            tcn_type='unit_tcn' if 'backbone.gcn.0.tcn.conv.weight' in state else 'mstcn',
        )
        defaults = dict(
            gcn_adaptive='importance', gcn_conv_pos='pre', gcn_with_res=False, tcn_type='unit_tcn'
        )
        backbone |= without_defaults(found, **defaults)
        model_cfg = recognizer(backbone, take_entry(state, 'cls_head.fc.weight'))
        return Settings(model_cfg, _ONE_SUBSET if subsets == 1 else ())


def _adaptive(state: State, unit: str) -> str:
    """Tell how a graph convolution learns its adjacency.

    ``'init'`` trains A itself. (Left as it is, A would be stored alike and give the same
    results, but no published network does that.)

    ``'importance'`` multiplies by PA, which starts at 1, ``'offset'`` adds PA, which starts
    near 0. Where the graph has no edge, a factor gets no gradient: these values stay
    equal, while terms to add scatter around 0.
    """
    if f'{unit}.PA' not in state:
        return 'init'
    unused = state[f'{unit}.PA'][state[f'{unit}.A'] == 0]
    return 'importance' if unused.std() < 0.5 * unused.mean().abs() else 'offset'


class MMActionAAGCNFamily(MMActionFamily):
    """AAGCN and 2s-AGCN of MMAction2 and PYSKL."""

    name = 'AAGCN of MMAction2 or PYSKL'
    signature = 'backbone.gcn.0.gcn.conv_d.0.weight'
    backbone = 'AAGCN'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        unit = 'backbone.gcn.0.gcn'
        adjacency = take_entry(state, 'backbone.A')
        channels = take_entry(state, f'{unit}.conv_d.0.weight').shape[1]
        backbone: Config = dict(type='AAGCN', graph_cfg=match_graph(adjacency))
        backbone |= norm_settings(state, adjacency.shape[-1], channels, 'MVC')
        backbone |= stages(state, 'backbone.gcn.{}.gcn.bn.weight', first=0)
        found = dict(
            gcn_attention=f'{unit}.conv_ta.weight' in state, gcn_adaptive=f'{unit}.alpha' in state
        )
        backbone |= without_defaults(found, gcn_attention=True, gcn_adaptive=True)
        return Settings(recognizer(backbone, take_entry(state, 'cls_head.fc.weight')))


class MMActionCTRGCNFamily(MMActionFamily):
    """CTR-GCN of MMAction2 and PYSKL, which is another network than the authors'."""

    name = 'CTR-GCN of MMAction2 or PYSKL'
    signature = 'backbone.net.0.gcn1.convs.0.conv4.weight'
    backbone = 'CTRGCN'
    traits = MappingProxyType({'relu_after_concat': True})

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        published = _to_authors_ctrgcn(state)
        model_cfg = CTRGCNFamily().configure(published, options).model_cfg
        backbone = model_cfg['backbone']
        backbone['graph_cfg']['layout'] = layout_of(published['l1.gcn1.PA'].shape[-1])
        backbone['relu_after_concat'] = True
        return Settings(model_cfg, ("This CTR-GCN is not the authors': relu_after_concat=True.",))

    def clean(self, state: State) -> dict[str, Tensor]:
        """Leave out the graph as well, which no computation of this network reads."""
        cleaned = super().clean(state)
        cleaned.pop('backbone.A', None)
        return cleaned

    def to_ours(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        return CTRGCNFamily().to_ours(_to_authors_ctrgcn(state))

    def to_theirs(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        converted = {}
        for key, value in CTRGCNFamily().to_theirs(state).items():
            name = re.sub(r'^l(\d+)\.', lambda match: f'net.{int(match[1]) - 1}.', _other_side(key))
            name = re.sub(r'\.gcn1\.PA$', '.gcn1.A', name)
            part = 'cls_head' if name.startswith('fc.') else 'backbone'
            converted[f'{part}.{name}'] = _mirror(key, value)
        return converted


def _to_authors_ctrgcn(state: State) -> dict[str, Tensor]:
    """Rename the entries, and undo that the network aggregates along the other side."""
    published = {}
    for key, value in state.items():
        key = re.sub(r'^backbone\.net\.(\d+)\.', lambda match: f'l{int(match[1]) + 1}.', key)
        key = key.removeprefix('backbone.').removeprefix('cls_head.')
        key = re.sub(r'\.gcn1\.A$', '.gcn1.PA', key)
        published[_other_side(key)] = _mirror(key, value)
    return published


def _other_side(key: str) -> str:
    """Exchange the names of the two relation branches."""
    return re.sub(r'\.conv([12])\.', lambda match: f'.conv{3 - int(match[1])}.', key)


def _mirror(key: str, value: Tensor) -> Tensor:
    """Make a refined topology that comes out transposed, given exchanged branches.

    tanh is odd: with exchanged branches the distances come out transposed and negated,
    which the negated weight of the last convolution turns round again. Its own inverse.
    """
    if key.endswith('.gcn1.PA'):
        return value.transpose(-1, -2)
    return -value if key.endswith('.conv4.weight') else value
