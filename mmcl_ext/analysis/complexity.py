"""Parameters and multiply-accumulates of skeleton models."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.utils.flop_counter import FlopCounterMode

from mmcl_ext.analysis.published_figures import REWRITTEN, recorded_figures
from mmcl_ext.checkpoints.data_description import find_pipeline, last_setting
from mmcl_ext.config.build_model import build_model, scope_of, use_deployed_model
from mmcl_ext.evaluation.text_table import format_table
from mmcl_ext.models.layers.plain_attention import plain_attention

_AXES = 'N, M, T, V, C'
MOST_NUMBERS = 2**28
"""More of an input are taken for a mistake: a network multiplies them by its channels."""
_NTU = dict(type='SkeletonGraph', layout='nturgb+d', mode='mmaction_spatial')
_NTU_CTRGCN = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')
_NTU_RANDOM = dict(type='SkeletonGraph', layout='nturgb+d', mode='random')
_NTU_HD = dict(type='HDGraph', layout='nturgb+d', center=1, flatten=None)


class Complexity(NamedTuple):
    """What a model costs for one input.

    Attributes:
        macs: Multiply-accumulates that the model carries out in convolutions, linear
            layers and products of activations.
        published_macs: The same of the network as its authors published it; None, as below,
            where this is not recorded.
        table_parameters: Parameters of the published network as thop 0.1.1 counts
            them: those of convolutions, linear layers and normalisations only.
        table_macs: What thop 0.1.1 reports for the published network: convolutions,
            linear layers, and 4 per normalised element; no products of activations.
    """

    shape: tuple[int, ...]
    parameters: int
    macs: int
    published_macs: int | None
    table_parameters: int | None
    table_macs: int | None


class BackboneRow(NamedTuple):
    """A row of the comparison; ``paper`` has M parameters and G MACs as published, if any."""

    name: str
    backbone: dict[str, Any]
    paper: tuple[float, float] | None = None
    cls_head: dict[str, Any] = {'type': 'GCNHead'}  # noqa: RUF012  read only


PAPER_BACKBONES: tuple[BackboneRow, ...] = (
    BackboneRow('CTRS-GCN', dict(type='CTRSGCN', graph_cfg=_NTU_CTRGCN), (2.09, 2.41)),
    BackboneRow(
        'Info-GCN',
        dict(type='InfoGCN', graph_cfg=_NTU_CTRGCN, k=1),
        (1.57, 1.84),
        dict(type='InfoGCNHead'),
    ),
    BackboneRow('CTR-GCN', dict(type='CTRGCN', graph_cfg=_NTU_CTRGCN), (1.44, 1.79)),
    BackboneRow('HD-GCN', dict(type='HDGCN', graph_cfg=_NTU_HD), (1.65, 1.89)),
)
"""The rows of Table 7 besides the paper's own, which is CTR-GCN after training."""

MORE_BACKBONES: tuple[BackboneRow, ...] = (
    BackboneRow('ST-GCN', dict(type='STGCN', graph_cfg={**_NTU, 'mode': 'stgcn_spatial'})),
    BackboneRow(
        'ST-GCN++',
        dict(
            type='STGCN', graph_cfg=_NTU, gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn'
        ),
    ),
    BackboneRow('AAGCN', dict(type='AAGCN', graph_cfg=_NTU)),
    BackboneRow('2s-AGCN', dict(type='AAGCN', graph_cfg=_NTU, gcn_attention=False)),
    BackboneRow('DG-STGCN', dict(type='DGSTGCN', graph_cfg=_NTU_RANDOM)),
    BackboneRow('DG-STGCN, 96', dict(type='DGSTGCN', graph_cfg=_NTU_RANDOM, base_channels=96)),
    BackboneRow('Hyper-GCN', dict(type='HyperGCN', graph_cfg=_NTU), (1.1, 1.63)),
    BackboneRow(
        'Hyper-GCN, large',
        dict(type='HyperGCN', graph_cfg=_NTU, inflate_stages=(4, 7)),
        (2.3, 2.88),
    ),
    BackboneRow('BlockGCN', dict(type='BlockGCN', graph_cfg=_NTU), (1.3, 1.63)),
    BackboneRow('BlockGCN, plain', dict(type='BlockGCN', graph_cfg=_NTU, topology=False)),
    BackboneRow('LA-GCN', dict(type='LAGCN', graph_cfg=_NTU_CTRGCN)),
)
"""Backbones that Table 7 does not list; ``paper`` is what Hyper-GCN's paper states."""


def recognizer_cfg(row: BackboneRow, num_classes: int) -> dict[str, Any]:
    """Make the model's configuration for a row."""
    head = {**row.cls_head, 'num_classes': num_classes}
    return dict(type='SkeletonRecognizer', backbone=row.backbone, cls_head=head)


def build_deployed(cfg: Config) -> nn.Module:
    """Put what is left of the model after training into a configuration; build it at random."""
    use_deployed_model(cfg)
    return build_model(cfg.model, scope_of(cfg))


def clip_shape(cfg: Config, model: nn.Module) -> tuple[int, ...]:
    """Return the shape (1, M, T, V, C) of a clip of the tests, for a backbone that has a graph.

    Persons and frames are those of the test pipeline, else the backbone's and 64.
    """
    backbone: Any = model.backbone
    graph: Any = getattr(backbone, 'graph', None)
    if not hasattr(graph, 'A'):
        raise ValueError(f'{type(backbone).__name__} does not tell its input: give --shape')
    pipeline = find_pipeline(cfg.get('test_dataloader')) or ()
    persons: Any = last_setting(pipeline, ('num_person',)) or getattr(backbone, 'num_person', 2)
    joints = getattr(graph, 'num_joints', graph.A.shape[-1])
    channels = cfg.model.backbone.get('in_channels', getattr(backbone, 'in_channels', 3))
    return (1, persons, last_setting(pipeline) or 64, joints, channels)


def measure(model: nn.Module, shape: Sequence[int]) -> Complexity:
    """Count the parameters and multiply-accumulates of a recognizer, which is left in eval mode."""
    if len(shape) != 5 or min(shape) < 1 or math.prod(shape) > MOST_NUMBERS:
        raise ValueError(
            f'the input has five positive axes, ({_AXES}), and at most {MOST_NUMBERS} numbers, got '
            f'{tuple(shape)}'
        )
    x = torch.ones(tuple(shape))  # zeros would be empty person slots, which cost nothing
    model.eval()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    macs = count_macs(model, x)
    if not _is_rewritten(model):
        return Complexity(tuple(shape), parameters, macs, macs, *_table_figures(model, x))
    found = recorded_figures(type(model.backbone).__name__, parameters, tuple(shape))
    return Complexity(tuple(shape), parameters, macs, *(found or (None, None, None)))


def count_macs(model: nn.Module, x: Tensor) -> int:
    """Count what a model carries out on an input of its backbone, (N, M, T, V, C).

    Every operator that PyTorch's FLOP counter knows is counted where it runs, however
    the code spells it (module, function, einsum); element-wise work is not. Attention is
    computed by its matrix products: the counter does not know the fused operators of a CPU.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), plain_attention(), sdpa_kernel(SDPBackend.MATH), counter:
        _run(model, x)
    return counter.get_total_flops() // 2


def _is_rewritten(model: nn.Module) -> bool:
    """Whether the backbone is one of ours; a subclass may be anything."""
    kind = type(model.backbone)
    return kind.__name__ in REWRITTEN and kind.__module__.partition('.')[0] == 'mmcl_ext'


def _run(model: nn.Module, x: Tensor) -> None:
    backbone: Any = model.backbone
    head: Any = model.cls_head
    head(backbone(x))


def _table_figures(model: nn.Module, x: Tensor) -> tuple[int, int]:
    """Run a model and count parameters and multiply-accumulates by thop's rules."""
    macs: list[int] = []
    used: dict[nn.Module, int] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        macs.append(_table_macs(module, inputs[0], output))
        used[module] = sum(parameter.numel() for parameter in module.parameters())

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, _COUNTED)]
    try:
        with torch.no_grad():
            _run(model, x)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(used.values()), sum(macs)


_NORMS = (_BatchNorm, _InstanceNorm, nn.LayerNorm)
_COUNTED = (_ConvNd, nn.Linear, *_NORMS)


def _table_macs(module: nn.Module, x: Tensor, y: Tensor) -> int:
    if isinstance(module, _NORMS):
        return 4 * x.numel()
    if isinstance(module, nn.Linear):
        return y.numel() * module.in_features
    conv: Any = module
    return y.numel() * (conv.in_channels // conv.groups) * math.prod(conv.kernel_size)


def format_costs(rows: Iterable[tuple[str, Complexity, tuple[float, float] | None]]) -> str:
    """Print models side by side: name, complexity, and the paper's figures if there are any."""
    groups = ('', 'this package', '', 'published', 'as thop 0.1.1', '', 'paper', '', '')
    units = ('parameters', 'G MACs', 'G MACs', 'parameters', 'G MACs', 'M', 'G')
    lines = [groups, ('model', *units, f'input ({_AXES})'), *(_cells(*row) for row in rows)]
    return format_table(lines, headings=2)


def _cells(name: str, cost: Complexity, paper: tuple[float, float] | None) -> tuple[str, ...]:
    million, giga = (f'{figure:.2f}' for figure in paper) if paper else ('-', '-')
    return (
        name,
        f'{cost.parameters:,}',
        _giga(cost.macs),
        _giga(cost.published_macs),
        '-' if cost.table_parameters is None else f'{cost.table_parameters:,}',
        _giga(cost.table_macs),
        million,
        giga,
        str(cost.shape),
    )


def _giga(count: int | None) -> str:
    return '-' if count is None else f'{count / 1e9:.4f}'


def is_paper_setting(num_classes: int, shape: Sequence[int]) -> bool:
    """Tell whether this is what Table 7 of the paper was measured with."""
    return (num_classes, tuple(shape)) == (120, (1, 2, 64, 25, 3))


def measure_rows(
    rows: Iterable[BackboneRow], num_classes: int, shape: Sequence[int]
) -> Iterator[tuple]:
    """Measure rows: name, complexity, and the paper's figures if there are any for this setting."""
    has_figures = is_paper_setting(num_classes, shape)
    for row in rows:
        cfg = Config(dict(model=recognizer_cfg(row, num_classes)))
        cost = measure(build_deployed(cfg), shape)
        yield row.name, cost, row.paper if has_figures else None
