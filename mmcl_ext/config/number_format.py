"""Choose the number format of a training: float32, or mixed precision."""

import re

from mmengine.config import Config
from mmengine.device import get_device

from mmcl_ext.config.options import last_checkpoint
from mmcl_ext.config.processor import bfloat16_factor, has_bfloat16
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.fileio.checkpoint import read_checkpoint

_FLOAT32, _BFLOAT16, _ON_GPU = 'OptimWrapper', 'CPUAmpOptimWrapper', 'AmpOptimWrapper'
_RECORDED = re.compile(r'^amp = (True|False)$', re.MULTILINE)
_WHY_AUTO = {
    'float32': 'as everywhere but on a CPU with instructions for bfloat16',
    'bfloat16': 'which this CPU has instructions for',
}


def is_format_open(cfg: Config) -> bool:
    """Tell whether a configuration leaves it to the machine in which format it is trained."""
    return cfg.get('amp') is None and _kind(cfg) == _FLOAT32 and bool(cfg.get('optim_wrapper'))


def number_format(cfg: Config) -> str:
    """Name the format of a training's forward pass; weights and gradients are float32."""
    kind = _kind(cfg)
    if kind == _ON_GPU:
        return str(cfg.optim_wrapper.get('dtype') or 'float16')
    return {_FLOAT32: 'float32', _BFLOAT16: 'bfloat16'}.get(kind, kind)


def set_number_format(cfg: Config, amp: bool | None = None) -> str:
    """Train in mixed precision, in float32, or (None) as the configuration's ``amp`` says.

    If that says nothing, a resumed training keeps the format that it began in, another
    ``optim_wrapper.type`` than ``OptimWrapper`` is left alone, and a new training takes bfloat16
    on a CPU with instructions for it, float32 elsewhere. The configuration's ``amp`` records the
    choice, so that its copy in the work folder repeats the training on any machine. Mixed
    precision on a CPU is bfloat16, where no loss has to be scaled.

    Returns:
        A line for the log: the format, the reason and how to get the other; empty for a
        configuration that trains nothing.

    Raises:
        UserError: Another wrapper than MMEngine's and ours was asked for mixed precision.
    """
    if not cfg.get('optim_wrapper'):
        return ''
    wanted, began = cfg.get('amp') if amp is None else amp, _began_in(cfg)
    if wanted not in (True, False, None):
        raise UserError(f'amp must be True or False, got {wanted!r}')
    if wanted is not None:
        reason = 'as asked for'
    elif _kind(cfg) != _FLOAT32:
        reason = f'as optim_wrapper.type={_kind(cfg)!r} says'
    elif began is not None:
        wanted, reason = began, 'in which the resumed training began'
    else:
        wanted = get_device() == 'cpu' and has_bfloat16()
        reason = _WHY_AUTO['bfloat16' if wanted else 'float32']
    if wanted is not None:
        _apply(cfg, wanted)
    mixed = _kind(cfg) in (_BFLOAT16, _ON_GPU)
    other = '--no-amp (amp=False) for float32' if mixed else '--amp (amp=True) for mixed precision'
    changed = '; it began in the other, so that its result differs from that of an unbroken run'
    return f'number format: {number_format(cfg)}, {reason}; {other}' + changed * (
        began is not None and began != mixed
    )


def describe_emulation(cfg: Config) -> str:
    """Warn in one line where a CPU emulates bfloat16, with what that costs; else empty."""
    if _kind(cfg) != _BFLOAT16 or has_bfloat16():
        return ''
    return (
        'warning: mixed precision: this CPU has no instructions for bfloat16: a matrix product '
        f'takes {bfloat16_factor():.1f} times as long as in float32, which --no-amp (amp=False) '
        'takes'
    )


def _apply(cfg: Config, amp: bool) -> None:
    """Set the optimizer's wrapper."""
    wrapper, kind = cfg.optim_wrapper, _kind(cfg)
    if kind not in (_FLOAT32, _BFLOAT16, _ON_GPU):
        option = '--amp (amp=True)' if amp else '--no-amp (amp=False)'
        raise UserError(f'{option} does not go with optim_wrapper.type={kind!r}')
    cfg.amp = amp
    on_gpu = get_device() != 'cpu'
    if not (amp and on_gpu):
        for key in ('loss_scale', 'dtype', 'use_fsdp'):
            wrapper.pop(key, None)
    if amp and on_gpu:
        wrapper.type = _ON_GPU
        wrapper.setdefault('loss_scale', 'dynamic')
    elif amp or kind != _FLOAT32:
        wrapper.type = _BFLOAT16 if amp else _FLOAT32


def _kind(cfg: Config) -> str:
    return str((cfg.get('optim_wrapper') or {}).get('type', _FLOAT32))


def _began_in(cfg: Config) -> bool | None:
    """Tell whether the training that is resumed began in mixed precision; None if none is."""
    path = cfg.get('resume') and (cfg.get('load_from') or last_checkpoint(cfg.work_dir))
    if not path:
        return None
    try:
        text = str(read_checkpoint(path)['meta'].get('cfg') or '')
    except (OSError, ValueError):  # the runner says what is wrong with it
        return None
    recorded = _RECORDED.search(text)
    if recorded:
        return recorded[1] == 'True'
    return None if not text else _ON_GPU in text  # which is a part of the CPU's, too
