"""Whose checkpoint a state dictionary is, and which model of ours it fits."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmcl_ext.checkpoints import key_tables
from mmcl_ext.graphs import get_layout
from mmcl_ext.registry import GRAPHS

State = Mapping[str, Tensor]
Config = dict[str, Any]

TRAIN_ONLY = ('mlp.', 'PosMatrix', 'NegMatrix', 'inception_v3.', 'FAM_Aligh.')
"""What the reference code of co-learning stores beside the skeleton network."""


class Options(NamedTuple):
    """What no checkpoint stores.

    Attributes:
        k: Order of InfoGCN's relative representation.
        center: Centre of mass of HD-GCN's graph, counted from 1.
    """

    k: int | None = None
    center: int | None = None


class Settings(NamedTuple):
    """The model that a checkpoint belongs to.

    Attributes:
        model_cfg: Configuration of the recognizer.
        notes: What a user has to know about it.
    """

    model_cfg: Config
    notes: tuple[str, ...] = ()


class Source(NamedTuple):
    """One family of checkpoints.

    Attributes:
        name: Whose checkpoints they are.
        signature: Entry that no other family has.
        backbone: Class name of our backbone.
        configure: Finds the settings from a published state.
        to_ours: Converts a published state.
        to_theirs: Converts back.
        clean: Leaves out of a published state what carries nothing.
        traits: Attributes that our backbone must have, since no entry shows them.
        options: Names of the :class:`Options` that it has.
    """

    name: str
    signature: str
    backbone: str
    configure: Callable[[State, Options], Settings]
    to_ours: Callable[[State], dict[str, Tensor]] = dict
    to_theirs: Callable[[State], dict[str, Tensor]] = dict
    clean: Callable[[State], dict[str, Tensor]] = dict
    traits: Mapping[str, Any] = MappingProxyType({})
    options: tuple[str, ...] = ()


def detect(state: State) -> Source:
    """Find the family of a state dictionary by its entries.

    Raises:
        ValueError: If it belongs to none, naming its first entries.
    """
    for source in SOURCES:
        if source.signature in state:
            return source
    if any(key.startswith('backbone.blocks.') for key in state):
        raise ValueError('the checkpoint is in the layout of this package already')
    known = ', '.join(source.name for source in SOURCES)
    raise ValueError(f'none of ({known}) has the entries of this file: {sorted(state)[:5]}')


# The authors' networks: modules l1, l2, ..., one adjacency per block, classifier fc.


def _configure_ctrgcn(state: State, options: Options) -> Settings:
    adjacency = _entry(state, 'l1.gcn1.PA')
    width, channels = _entry(state, 'l1.gcn1.convs.0.conv3.weight').shape[:2]
    backbone = dict(type='CTRGCN', graph_cfg=_spatial_graph(adjacency.shape[-1]))
    backbone |= _input_shape(state, adjacency.shape[-1], channels)
    backbone |= _stages(state, 'l{}.gcn1.bn.weight', width)
    return Settings(_recognizer(backbone, _entry(state, 'fc.weight')))


def _configure_ctrsgcn(state: State, options: Options) -> Settings:
    adjacency = _entry(state, 'l1.gcn1.PA')
    width, channels = _entry(state, 'l1.gcn1.conv_d.0.weight').shape[:2]
    backbone = dict(type='CTRSGCN', graph_cfg=_spatial_graph(adjacency.shape[-1]))
    backbone |= _input_shape(state, adjacency.shape[-1], channels)
    backbone |= _stages(state, 'l{}.gcn1.bn.weight', width)
    return Settings(_recognizer(backbone, _entry(state, 'fc.weight')))


def _configure_infogcn(state: State, options: Options) -> Settings:
    if options.k is None:
        raise ValueError(
            'the order k of its relative representation is in no checkpoint: give --k '
            '(1 for bones; 8 and more for plain NTU joints)'
        )
    joints = _entry(state, 'l1.agcn.shared_topology').shape[-1]
    width, channels = _entry(state, 'to_joint_embedding.weight').shape
    backbone = dict(type='InfoGCN', graph_cfg=_spatial_graph(joints), k=options.k)
    persons = _input_shape(state, joints, width).get('num_person', 2)
    found = dict(num_person=persons, in_channels=channels)
    backbone |= _without_defaults(found, num_person=2, in_channels=3)
    first = len(_entry(state, 'l1.agcn.bn.weight'))
    backbone |= _stages(state, 'l{}.agcn.bn.weight', first, down=(4, 7))
    model_cfg = _recognizer(backbone, _entry(state, 'decoder.weight'), 'InfoGCNHead')
    note = 'The prior of its codes is in no checkpoint; training on draws another one.'
    return Settings(model_cfg, (note,))


def _configure_hdgcn(state: State, options: Options) -> Settings:
    adjacency = _entry(state, 'l1.gcn1.PA')
    joints = adjacency.shape[-1]
    layout = _layout(joints)
    if options.center is None:
        known = ', '.join(map(str, get_layout(layout).hd_groups)) or 'any joint'
        raise ValueError(
            f'the centre of mass of its graph is in no checkpoint: give --center ({known})'
        )
    graph = dict(type='HDGraph', layout=layout, center=options.center, flatten=None)
    backbone = dict(type='HDGCN', graph_cfg=graph)
    channels = _entry(state, 'l1.gcn1.conv_down.0.0.weight').shape[1]
    backbone |= _input_shape(state, joints, channels)
    width = len(_entry(state, 'l1.gcn1.bn.weight'))
    backbone |= _stages(state, 'l{}.gcn1.bn.weight', width)
    model_cfg = _recognizer(backbone, _entry(state, 'fc.weight'))
    note = 'A wrong --center goes unnoticed where both graphs have as many levels.'
    return Settings(model_cfg, (note,))


def _spatial_graph(joints: int) -> Config:
    return dict(type='SkeletonGraph', layout=_layout(joints, '-ctrgcn'), mode='spatial')


def _layout(joints: int, ntu_edges: str = '') -> str:
    """Name the layout with a number of joints; learned adjacencies need no more.

    Raises:
        ValueError: If no layout has it.
    """
    layouts = {25: f'nturgb+d{ntu_edges}', 20: 'kinect_v1', 17: 'coco', 18: 'openpose'}
    if joints not in layouts:
        raise ValueError(
            f'no layout is known with {joints} joints: give a configuration whose graph has them'
        )
    return layouts[joints]


def _entry(state: State, key: str) -> Tensor:
    """Take an entry that the conversion cannot do without.

    Raises:
        ValueError: If it is missing.
    """
    if key not in state:
        raise ValueError(f'the checkpoint lacks {key!r}')
    return state[key]


def _input_shape(state: State, joints: int, channels: int, norm: str = 'data_bn') -> Config:
    """Find persons and coordinates; the defaults are left out.

    Raises:
        ValueError: If the input normalisation does not hold whole skeletons.
    """
    slots = len(_entry(state, f'{norm}.weight'))
    persons, rest = divmod(slots, joints * channels)
    if rest or not persons:
        raise ValueError(
            f'{norm}.weight has {slots} entries, no multiple of '
            f'{joints} joints with {channels} coordinates'
        )
    return _without_defaults(
        dict(num_person=persons, in_channels=channels), num_person=2, in_channels=3
    )


def _stages(
    state: State, width_key: str, base: int, first: int = 1, down: tuple[int, ...] = (5, 8)
) -> Config:
    """Find the number of blocks and where they widen; the defaults are left out.

    Strides leave no trace of their own. Published networks halve the frames where they
    double the channels, and so is assumed.

    Args:
        state: Published state.
        width_key: Entry with one value per channel of a block, with ``{}`` for its index.
        base: Channels of the first block.
        first: Index of the first block.
        down: Stages that widen by default.
    """
    widths: list[int] = []
    while width_key.format(len(widths) + first) in state:
        widths.append(len(state[width_key.format(len(widths) + first)]))
    steps = tuple(i + 1 for i in range(1, len(widths)) if widths[i] > widths[i - 1])
    found = dict(
        base_channels=base, num_stages=len(widths), inflate_stages=steps, down_stages=steps
    )
    defaults = dict(base_channels=64, inflate_stages=down, down_stages=down)
    return _without_defaults(found, **defaults, num_stages=9 if down == (4, 7) else 10)


def _without_defaults(found: Config, **defaults: Any) -> Config:
    return {key: value for key, value in found.items() if defaults.get(key) != value}


def _recognizer(backbone: Config, classifier: Tensor, head: str = 'GCNHead') -> Config:
    cls_head = dict(type=head, num_classes=len(classifier))
    return dict(type='SkeletonRecognizer', backbone=backbone, cls_head=cls_head)


# MMAction2 and PYSKL: a recognizer's backbone and cls_head.


def _configure_mmaction_ctrgcn(state: State, options: Options) -> Settings:
    published = _to_authors_ctrgcn(state)
    model_cfg = _configure_ctrgcn(published, options).model_cfg
    backbone = model_cfg['backbone']
    backbone['graph_cfg']['layout'] = _layout(published['l1.gcn1.PA'].shape[-1])
    backbone['relu_after_concat'] = True
    return Settings(model_cfg, ("This CTR-GCN is not the authors': relu_after_concat=True.",))


def _to_authors_ctrgcn(state: State) -> dict[str, Tensor]:
    """Rename the entries, and undo that the network aggregates along the other side."""
    published = {}
    for key, value in state.items():
        key = re.sub(r'^backbone\.net\.(\d+)\.', lambda match: f'l{int(match[1]) + 1}.', key)
        key = key.removeprefix('backbone.').removeprefix('cls_head.')
        key = re.sub(r'\.gcn1\.A$', '.gcn1.PA', key)
        published[_other_side(key)] = _mirror(key, value)
    return published


def _from_authors_ctrgcn(state: State) -> dict[str, Tensor]:
    """Invert :func:`_to_authors_ctrgcn`."""
    converted = {}
    for key, value in state.items():
        name = re.sub(r'^l(\d+)\.', lambda match: f'net.{int(match[1]) - 1}.', _other_side(key))
        name = re.sub(r'\.gcn1\.PA$', '.gcn1.A', name)
        part = 'cls_head' if name.startswith('fc.') else 'backbone'
        converted[f'{part}.{name}'] = _mirror(key, value)
    return converted


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


def _clean_mmaction(state: State) -> dict[str, Tensor]:
    """Give PYSKL's classifier the name that it has in MMAction2, and drop preprocessors."""
    return {
        key.replace('cls_head.fc_cls.', 'cls_head.fc.'): value
        for key, value in state.items()
        if not key.startswith('data_preprocessor.')
    }


def _clean_mmaction_ctrgcn(state: State) -> dict[str, Tensor]:
    """Leave out the graph as well, which no computation of this network reads."""
    return {key: value for key, value in _clean_mmaction(state).items() if key != 'backbone.A'}


def _clean_hdgcn(state: State) -> dict[str, Tensor]:
    """Leave out the second copy of the last level."""
    return {key: value for key, value in state.items() if '.gcn1.conv_d.' not in key}


def _configure_stgcn(state: State, options: Options) -> Settings:
    unit = 'backbone.gcn.0.gcn'
    adjacency = _entry(state, f'{unit}.A')
    weight, width = _entry(state, f'{unit}.conv.weight'), len(_entry(state, f'{unit}.bn.weight'))
    subsets = len(adjacency)
    before = len(weight) == width * subsets
    channels = weight.shape[1] // (1 if before else subsets)
    backbone: Config = dict(type='STGCN', graph_cfg=_match_graph(adjacency))
    backbone |= _mmaction_norm(state, adjacency.shape[-1], channels, 'VC')
    backbone |= _stages(state, 'backbone.gcn.{}.gcn.bn.weight', width, first=0)
    found = dict(
        gcn_adaptive=_adaptive(state, unit),
        gcn_conv_pos='pre' if before else 'post',
        gcn_with_res=f'{unit}.down.0.weight' in state,
        tcn_type='unit_tcn' if 'backbone.gcn.0.tcn.conv.weight' in state else 'mstcn',
    )
    defaults = dict(
        gcn_adaptive='importance', gcn_conv_pos='pre', gcn_with_res=False, tcn_type='unit_tcn'
    )
    backbone |= _without_defaults(found, **defaults)
    model_cfg = _recognizer(backbone, _entry(state, 'cls_head.fc.weight'))
    return Settings(model_cfg, _ONE_SUBSET if subsets == 1 else ())


_ONE_SUBSET = (
    'With one subset nothing shows on which side of the aggregation the convolution stands: '
    "if the checkpoint was trained with gcn_conv_pos='post', import it with a configuration "
    'that says so.',
)


def _configure_aagcn(state: State, options: Options) -> Settings:
    unit = 'backbone.gcn.0.gcn'
    adjacency = _entry(state, 'backbone.A')
    width, channels = _entry(state, f'{unit}.conv_d.0.weight').shape[:2]
    backbone: Config = dict(type='AAGCN', graph_cfg=_match_graph(adjacency))
    backbone |= _mmaction_norm(state, adjacency.shape[-1], channels, 'MVC')
    backbone |= _stages(state, 'backbone.gcn.{}.gcn.bn.weight', width, first=0)
    found = dict(
        gcn_attention=f'{unit}.conv_ta.weight' in state, gcn_adaptive=f'{unit}.alpha' in state
    )
    backbone |= _without_defaults(found, gcn_attention=True, gcn_adaptive=True)
    return Settings(_recognizer(backbone, _entry(state, 'cls_head.fc.weight')))


def _mmaction_norm(state: State, joints: int, channels: int, default: str) -> Config:
    """Find how the input is normalised; the default is left out."""
    if 'backbone.data_bn.weight' not in state:
        return dict(data_bn_type=None)
    shape = _input_shape(state, joints, channels, 'backbone.data_bn')
    kind = 'VC' if shape.get('num_person') == 1 and default == 'VC' else 'MVC'
    if kind == 'VC':
        del shape['num_person']
    return shape | _without_defaults(dict(data_bn_type=kind), data_bn_type=default)


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


def _match_graph(adjacency: Tensor) -> Config:
    """Find the graph whose adjacency, column-receives, a network was given.

    A trained adjacency is none of them; then any with as many subsets will do, since
    the checkpoint's values take its place.

    Args:
        adjacency: Stored adjacency (S, V, V).

    Raises:
        ValueError: If no graph has as many subsets.
    """
    layout = _layout(adjacency.shape[-1])
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


SOURCES: tuple[Source, ...] = (
    Source(
        name='CTR-GCN',
        signature='l1.gcn1.convs.0.conv4.weight',
        backbone='CTRGCN',
        configure=_configure_ctrgcn,
        to_ours=key_tables.convert_ctrgcn_state_dict,
        to_theirs=key_tables.restore_ctrgcn_state_dict,
        traits={'relu_after_concat': False},
    ),
    Source(
        name='InfoGCN',
        signature='l1.agcn.shared_topology',
        backbone='InfoGCN',
        configure=_configure_infogcn,
        to_ours=key_tables.convert_infogcn_state_dict,
        to_theirs=key_tables.restore_infogcn_state_dict,
        options=('k',),
    ),
    Source(
        name='HD-GCN',
        signature='l1.gcn1.conv_down.0.0.weight',
        backbone='HDGCN',
        configure=_configure_hdgcn,
        to_ours=key_tables.convert_hdgcn_state_dict,
        to_theirs=lambda state: _clean_hdgcn(key_tables.restore_hdgcn_state_dict(state)),
        clean=_clean_hdgcn,
        options=('center',),
    ),
    Source(
        name='CTRS-GCN',
        signature='l1.gcn1.conv_d.0.weight',
        backbone='CTRSGCN',
        configure=_configure_ctrsgcn,
        to_ours=key_tables.convert_ctrsgcn_state_dict,
        to_theirs=key_tables.restore_ctrsgcn_state_dict,
    ),
    Source(
        name='CTR-GCN of MMAction2 or PYSKL',
        signature='backbone.net.0.gcn1.convs.0.conv4.weight',
        backbone='CTRGCN',
        configure=_configure_mmaction_ctrgcn,
        to_ours=lambda state: key_tables.convert_ctrgcn_state_dict(_to_authors_ctrgcn(state)),
        to_theirs=lambda state: _from_authors_ctrgcn(key_tables.restore_ctrgcn_state_dict(state)),
        clean=_clean_mmaction_ctrgcn,
        traits={'relu_after_concat': True},
    ),
    Source(
        name='AAGCN of MMAction2 or PYSKL',
        signature='backbone.gcn.0.gcn.conv_d.0.weight',
        backbone='AAGCN',
        configure=_configure_aagcn,
        clean=_clean_mmaction,
    ),
    Source(
        name='ST-GCN of MMAction2 or PYSKL',
        signature='backbone.gcn.0.gcn.conv.weight',
        backbone='STGCN',
        configure=_configure_stgcn,
        clean=_clean_mmaction,
    ),
)
"""All known families."""
