"""A state dictionary against the model that it shall fill."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmcl_ext.fileio.printable import counted


def check_fit(
    model: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    source: str = '',
    *,
    allow_more: bool = False,
) -> None:
    """Compare names and shapes of two states; ``allow_more`` admits more in the given one."""
    problems = [
        f'{key!r} is missing'
        for key in model
        if key not in given and not (allow_more and key.endswith('num_batches_tracked'))
    ]
    if not allow_more:
        problems += [f'{key!r} has no place in the model' for key in given if key not in model]
    problems += [
        f'{key!r} has shape {tuple(given[key].shape)}, the model needs {tuple(value.shape)}'
        for key, value in model.items()
        if key in given and given[key].shape != value.shape
    ]
    if problems:
        count = counted(len(problems), 'entry does', 'entries do')
        first = '; '.join(problems[:5])
        raise ValueError(f'{source and f"{source}: "}{count} not fit the model: {first}')


def check_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Raise a ValueError that names the first weight which is NaN or infinite."""
    for key, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            told = counted(count, f'value of {key!r} is', f'values of {key!r} are')
            raise ValueError(f'{source}: {told} not finite')


def describe_loading(model: nn.Module, given: Mapping[str, Tensor], source: str) -> str:
    """Say which share of a model's weights a checkpoint fills, if any, and what it leaves."""
    weights = dict(model.named_parameters())
    fits = [k for k, v in weights.items() if k in given and given[k].shape == v.shape]
    rest = [k for k in weights if k not in set(fits)]
    total = sum(value.numel() for value in weights.values())
    share = sum(weights[key].numel() for key in fits) / max(total, 1)
    if weights and not fits:
        raise ValueError(
            f'{source} fits none of the {len(weights)} weights of the model: it has '
            f'{next(iter(given), None)!r}, the model {rest[0]!r}'
        )
    more = f' and {len(rest) - 3} more' if len(rest) > 3 else ''
    left = f'; not loaded: {", ".join(rest[:3])}{more}' if rest else ''
    return f'{source}: {share:.1%} of the weights loaded ({len(fits)} of {len(weights)}){left}'
