"""Parameters and multiply-accumulates of skeleton models."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.utils.flop_counter import FlopCounterMode

from mmcl_ext.analysis.reference_layers import PUBLISHED, Layer, Size
from mmcl_ext.config.options import use_deployed_model
from mmcl_ext.registry import MODELS

_AXES = 'N, M, T, V, C'
_NTU = dict(type='SkeletonGraph', layout='nturgb+d', mode='mmaction_spatial')
_NTU_CTRGCN = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')
_NTU_HD = dict(type='HDGraph', layout='nturgb+d', center=1, flatten=None)


class Complexity(NamedTuple):
    """What a model costs for one input.

    Attributes:
        shape: The input, (N, M, T, V, C).
        parameters: All parameters of the model.
        macs: Multiply-accumulates that the model carries out in convolutions, linear
            layers and products of activations.
        published_macs: The same of the network as its authors published it, without
            the rewrites of this package.
        table_parameters: Parameters of the published network as thop 0.1.1 counts
            them: those of convolutions, linear layers and normalisations only.
        table_macs: What thop 0.1.1 reports for the published network: convolutions,
            linear layers, and 4 per normalised element; no products of activations.
    """

    shape: tuple[int, ...]
    parameters: int
    macs: int
    published_macs: int
    table_parameters: int
    table_macs: int


class Entry(NamedTuple):
    """One row of the paper's comparison.

    Attributes:
        name: Name of the method.
        backbone: Configuration of the backbone.
        paper: Parameters in millions and multiply-accumulates in billions that Table 7
            of the paper gives, if the method is in it.
        cls_head: Configuration of the head, without the number of classes.
    """

    name: str
    backbone: dict[str, Any]
    paper: tuple[float, float] | None = None
    cls_head: dict[str, Any] = {'type': 'GCNHead'}  # noqa: RUF012  read only


PAPER_BACKBONES: tuple[Entry, ...] = (
    Entry('CTRS-GCN', dict(type='CTRSGCN', graph_cfg=_NTU_CTRGCN), (2.09, 2.41)),
    Entry(
        'Info-GCN',
        dict(type='InfoGCN', graph_cfg=_NTU_CTRGCN, k=1),
        (1.57, 1.84),
        dict(type='InfoGCNHead'),
    ),
    Entry('CTR-GCN', dict(type='CTRGCN', graph_cfg=_NTU_CTRGCN), (1.44, 1.79)),
    Entry('HD-GCN', dict(type='HDGCN', graph_cfg=_NTU_HD), (1.65, 1.89)),
)
"""The rows of Table 7 besides the paper's own, which is CTR-GCN after training."""

MORE_BACKBONES: tuple[Entry, ...] = (
    Entry('ST-GCN', dict(type='STGCN', graph_cfg={**_NTU, 'mode': 'stgcn_spatial'})),
    Entry(
        'ST-GCN++',
        dict(
            type='STGCN', graph_cfg=_NTU, gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn'
        ),
    ),
    Entry('AAGCN', dict(type='AAGCN', graph_cfg=_NTU)),
    Entry('2s-AGCN', dict(type='AAGCN', graph_cfg=_NTU, gcn_attention=False)),
)
"""Backbones of MMAction2 that the paper does not list."""


def recognizer_cfg(entry: Entry, num_classes: int) -> dict[str, Any]:
    """Make the model's configuration for a row."""
    head = {**entry.cls_head, 'num_classes': num_classes}
    return dict(type='SkeletonRecognizer', backbone=entry.backbone, cls_head=head)


def build_deployed(cfg: Config) -> nn.Module:
    """Build the model that is left after training, with random weights.

    Args:
        cfg: Configuration of a training; its model is replaced by the deployed one.
    """
    use_deployed_model(cfg)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmcl_ext')):
        return MODELS.build(cfg.model)


def default_shape(model: nn.Module, frames: int = 64) -> tuple[int, ...]:
    """Return the shape of one clip for a model, (1, M, T, V, C).

    Raises:
        ValueError: If the backbone has no skeleton graph to tell the joints.
    """
    backbone: Any = model.backbone
    graph: Any = getattr(backbone, 'graph', None)
    if not hasattr(graph, 'A'):
        raise ValueError(f'{type(backbone).__name__} does not tell its input: give --shape')
    joints = getattr(graph, 'num_joints', graph.A.shape[-1])
    channels = getattr(backbone, 'in_channels', 3)
    return (1, getattr(backbone, 'num_person', 2), frames, joints, channels)


def clip_length(cfg: Config, default: int = 64) -> int:
    """Find the number of frames that the test pipeline gives."""
    loader = cfg.get('test_dataloader') or {}
    for transform in loader.get('dataset', {}).get('pipeline', ()):
        for key in ('window', 'clip_len', 'num_frames'):
            if key in transform:
                return int(transform[key])
    return default


def measure(model: nn.Module, shape: Sequence[int]) -> Complexity:
    """Count the parameters and multiply-accumulates of a model.

    Args:
        model: Recognizer with ``backbone`` and ``cls_head``; left in eval mode.
        shape: Input of the backbone, (N, M, T, V, C) for skeletons.

    Raises:
        ValueError: If an axis is not positive or the input does not fit the backbone.
    """
    if len(shape) != 5 or min(shape) < 1:
        raise ValueError(f'the input has five positive axes, ({_AXES}), got {tuple(shape)}')
    x = torch.ones(tuple(shape))  # zeros would be empty person slots, which cost nothing
    model.eval()
    macs = count_macs(model, x)
    layers = list(published_layers(model, x))
    return Complexity(
        shape=tuple(shape),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        macs=macs,
        published_macs=_published_macs(layers) if _is_rewritten(model) else macs,
        table_parameters=sum(layer.parameters * layer.names for layer in layers if _hooked(layer)),
        table_macs=sum(_table_macs(layer) for layer in layers if _hooked(layer)),
    )


def count_macs(model: nn.Module, x: Tensor) -> int:
    """Count what a model carries out: convolutions, linear layers, matrix products.

    Every operator that PyTorch's FLOP counter knows is counted where it runs, however
    the code spells it (module, function, einsum); element-wise work is not.

    Args:
        model: Recognizer.
        x: Input of its backbone, (N, M, T, V, C).
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _run(model, x)
    return counter.get_total_flops() // 2


def published_layers(model: nn.Module, x: Tensor) -> Iterable[Layer]:
    """Return the layers that a hook counter finds in the network as published.

    For the backbones that this package rewrites they are written down in
    :mod:`mmcl_ext.analysis.reference_layers`; every other one runs as published, so its
    modules are hooked.

    Args:
        model: Recognizer.
        x: Input of its backbone, (N, M, T, V, C).
    """
    if not _is_rewritten(model):
        return _hook_layers(model, x)
    batch, persons, frames, joints, _ = x.shape
    size = Size(batch * persons, frames, joints)
    describe = PUBLISHED[type(model.backbone).__name__]
    return describe(model.backbone, model.cls_head, size, batch)


def _is_rewritten(model: nn.Module) -> bool:
    """Whether the backbone is one of ours; a subclass may be anything."""
    kind = type(model.backbone)
    return kind.__name__ in PUBLISHED and kind.__module__.partition('.')[0] == 'mmcl_ext'


def _run(model: nn.Module, x: Tensor) -> None:
    backbone: Any = model.backbone
    head: Any = model.cls_head
    head(backbone(x))


def _hooked(layer: Layer) -> bool:
    return layer.kind in ('conv', 'linear', 'norm')


def _published_macs(layers: Iterable[Layer]) -> int:
    return sum(layer.work for layer in layers if layer.kind in ('conv', 'linear', 'matmul'))


def _table_macs(layer: Layer) -> int:
    # A module with two names is hooked twice and then visited twice.
    return layer.work * layer.names**2 * (4 if layer.kind == 'norm' else 1)


def _hook_layers(model: nn.Module, x: Tensor) -> list[Layer]:
    """Run a model and note every convolution, linear layer and normalisation."""
    layers: list[Layer] = []
    seen: set[nn.Module] = set()

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        layer = _describe(module, inputs[0], output)
        # Called again, a module works again, but has no more parameters.
        layers.append(layer._replace(parameters=0) if module in seen else layer)
        seen.add(module)

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, _COUNTED)]
    try:
        with torch.no_grad():
            _run(model, x)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


_NORMS = (_BatchNorm, _InstanceNorm, nn.LayerNorm)
_COUNTED = (_ConvNd, nn.Linear, *_NORMS)


def _describe(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    """Count one call of a module by thop's rules."""
    parameters = sum(parameter.numel() for parameter in module.parameters())
    if isinstance(module, _NORMS):
        return Layer('norm', x.numel(), parameters)
    if isinstance(module, nn.Linear):
        return Layer('linear', y.numel() * module.in_features, parameters)
    conv: Any = module
    taps = math.prod(conv.kernel_size)
    return Layer('conv', y.numel() * (conv.in_channels // conv.groups) * taps, parameters)


def format_table(rows: Iterable[tuple[str, Complexity, tuple[float, float] | None]]) -> str:
    """Print models side by side.

    Args:
        rows: Name, complexity, and the paper's figures (parameters in millions,
            multiply-accumulates in billions) if there are any.
    """
    rows = list(rows)
    width = max(14, *(len(name) for name, _, _ in rows))
    lines = [
        f'{"":{width}}{"this package":>21}{"published":>10}{"as thop 0.1.1":>22}{"paper":>16}',
        f'{"model":{width}}{"parameters":>12}{"G MACs":>9}{"G MACs":>10}{"parameters":>13}'
        f'{"G MACs":>9}{"M":>9}{"G":>7}  input ({_AXES})',
    ]
    return '\n'.join((*lines, *(_format_row(*row, width) for row in rows)))


def _format_row(name: str, cost: Complexity, paper: tuple[float, float] | None, width: int) -> str:
    figures = '{:9.2f}{:7.2f}'.format(*paper) if paper else f'{"-":>9}{"-":>7}'
    return (
        f'{name:{width}}{cost.parameters:>12,}{cost.macs / 1e9:>9.4f}'
        f'{cost.published_macs / 1e9:>10.4f}{cost.table_parameters:>13,}'
        f'{cost.table_macs / 1e9:>9.4f}{figures}  {cost.shape}'
    )


def is_paper_setting(num_classes: int, shape: Sequence[int]) -> bool:
    """Tell whether this is what Table 7 of the paper was measured with."""
    return (num_classes, tuple(shape)) == (120, (1, 2, 64, 25, 3))


def compare(entries: Iterable[Entry], num_classes: int, shape: Sequence[int]) -> Iterator[tuple]:
    """Measure rows.

    Args:
        entries: Rows.
        num_classes: Number of classes K.
        shape: Input, (N, M, T, V, C).

    Yields:
        Name, complexity, and the paper's figures, if there are any for this setting.
    """
    has_figures = is_paper_setting(num_classes, shape)
    for entry in entries:
        cfg = Config(dict(model=recognizer_cfg(entry, num_classes)))
        cost = measure(build_deployed(cfg), shape)
        yield entry.name, cost, entry.paper if has_figures else None
