"""CTR-GCN of MMAction2 and PYSKL, which is another network than the authors'."""

import re
from types import MappingProxyType

from torch import Tensor

from mmcl_ext.checkpoints.families.ctrgcn import CTRGCNFamily
from mmcl_ext.checkpoints.families.family import Options, Settings, layout_of
from mmcl_ext.checkpoints.families.key_table import State
from mmcl_ext.checkpoints.families.mmaction_family import MMActionFamily


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
        return _from_authors_ctrgcn(CTRGCNFamily().to_theirs(state))


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
