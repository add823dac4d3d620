"""Start and end a training or test process, with or without CUDA.

MMEngine's launchers select a CUDA device even for the gloo backend. Without an
accelerator the process group is therefore created here, before the Runner,
which then leaves it alone.
"""

import datetime
import gc
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.util import get_temp_dir
from types import FrameType
from typing import Any, NoReturn

import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device
from torch.distributed import DistNetworkError

from mmcl_ext.config.user_errors import (
    UserError,
    as_lines,
    cannot_meet,
    is_for_user,
    launched_rank,
    rank_prefix,
)
from mmcl_ext.config.walk import walk_types

_SYNC_BN = ('SyncBN', 'MMSyncBN', 'SyncBatchNorm')
TIMEOUT = 1800.0
"""Seconds that a process waits for the others, unless it is told otherwise."""

_PEER_HANGS = ('Timed out waiting', 'Watchdog caught collective operation timeout')
_PEER_LOST = ('Connection closed by peer', 'Connection reset by peer', 'Connection refused')


def prepare_launch(cfg: Config) -> None:
    """Make a configuration, its ``launcher`` set, run on this machine without an accelerator.

    A distributed run gets its process group, which MMEngine cannot create on a CPU, and
    ``model_wrapper_cfg``. What a CPU cannot do is a UserError.
    """
    if get_device() != 'cpu':
        return
    # Products of tiny numbers (InfoGCN's noise scales) slow a CPU down by orders of magnitude.
    torch.set_flush_denormal(True)
    distributed = cfg.get('launcher', 'none') != 'none'
    check_cpu_support(cfg, distributed)
    if distributed:
        dist_cfg = cfg.get('env_cfg', {}).get('dist_cfg', {})
        init_gloo(cfg.launcher, dist_cfg.get('timeout', TIMEOUT))
        cfg.model_wrapper_cfg = _cpu_wrapper(cfg)


def check_cpu_support(cfg: Config, distributed: bool) -> None:
    """Refuse MMEngine's mixed precision and synchronised batch norm, which need a GPU."""
    if cfg.get('optim_wrapper') and cfg.optim_wrapper.get('type') == 'AmpOptimWrapper':
        raise UserError(
            'AmpOptimWrapper needs a GPU and there is none: give --amp, which takes bfloat16 on '
            "a CPU, or set optim_wrapper.type='OptimWrapper'"
        )
    layers = walk_types(cfg.get('model'), *_SYNC_BN)
    sync_bn = cfg.get('sync_bn') or next((layer['type'] for layer in layers), None)
    if distributed and sync_bn:
        raise UserError(
            f'synchronised batch norm ({sync_bn!r}) needs a GPU and there is none: set '
            'sync_bn=None and plain BN layers, or run one process'
        )


def init_gloo(launcher: str, timeout: float = TIMEOUT) -> None:
    """Create the gloo group of a launcher's processes, with ``timeout`` seconds a collective."""
    if torch.distributed.is_initialized():
        return
    os.environ.update(rank_environment(launcher, os.environ))
    limit = datetime.timedelta(seconds=timeout)
    torch.distributed.init_process_group('gloo', timeout=limit)


def rank_environment(launcher: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Translate a launcher's environment variables into PyTorch's five."""
    names = _RANK_VARIABLES.get(launcher)
    if names is None:
        raise UserError(f'launcher {launcher!r} is not one of {sorted(_RANK_VARIABLES)}')
    missing = [name for name in names if name not in environ]
    if missing:
        raise UserError(f'launcher {launcher!r} needs {missing} in the environment')
    rank, world_size, local_rank = (environ[name] for name in names)
    return dict(
        RANK=rank,
        WORLD_SIZE=world_size,
        LOCAL_RANK=local_rank,
        MASTER_ADDR=environ.get('MASTER_ADDR') or _first_host(environ.get('SLURM_NODELIST')),
        MASTER_PORT=environ.get('MASTER_PORT', '29500'),
    )


_RANK_VARIABLES: dict[str, tuple[str, str, str]] = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
}


def _first_host(node_list: str | None) -> str:
    """Resolve the first host of a Slurm node list; this host without one."""
    if not node_list:
        return '127.0.0.1'
    command = ['scontrol', 'show', 'hostname', node_list]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]


def _cpu_wrapper(cfg: Config) -> dict[str, Any]:
    """Configure the data-parallel wrapper for CPU: no device ids."""
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    return wrapper | dict(cfg.get('model_wrapper_cfg') or {}) | dict(device_ids=None)


def run_and_exit(main: Callable[[], object]) -> NoReturn:
    """Run a command to its end and leave with an exit status that tells how it went.

    Status 0 on success, 1 on an error, 130 on Ctrl-C or SIGTERM. After a
    distributed run on gloo the process leaves by ``os._exit``: PyTorch sometimes
    aborts while the interpreter tears the process group down. The command should leave no
    reference to a model wrapper behind.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _Interrupter())
    # A data loader's workers inherit it; else each would make one, and persistent ones leave it.
    get_temp_dir()
    logging.raiseExceptions = False  # a full disk would print a traceback for each line of a log
    status = 1
    try:
        main()
        status = 0
    except KeyboardInterrupt:
        status = 130
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:
        if launched_rank() is not None:  # it ends by itself, and torchrun stops who lost a peer
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _report(error)
    _leave(status)


class _Interrupter:
    """Turn SIGINT and SIGTERM, which schedulers and torchrun send, into an interrupt.

    A terminal and torchrun both signal a process. What follows the first signal
    within a few seconds is ignored, so that the process can still say where to
    resume.
    """

    last = -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - _Interrupter.last > 5:
            _Interrupter.last = now
            raise KeyboardInterrupt


def _report(error: Exception) -> None:
    """Print what went wrong, or leave it for the summary of torchrun.

    An error for the user is printed alone, by torchrun's process where there is one; any other
    is printed with its traceback.
    """
    where = rank_prefix()
    if where and any(text in str(error) for text in _PEER_LOST):
        print(f'{where}stopped: another process has ended', file=sys.stderr)
        return
    if any(text in str(error) for text in _PEER_HANGS):
        error = UserError('another process has not answered for as long as --timeout allows')
    if isinstance(error, DistNetworkError):
        place = f'{os.environ.get("MASTER_ADDR")}:{os.environ.get("MASTER_PORT")}'
        error = cannot_meet(place, 'MASTER_PORT', error)
    if not is_for_user(error):
        traceback.print_exception(error)
    if 'TORCHELASTIC_ERROR_FILE' in os.environ:
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        get_error_handler().record_exception(error)
    elif is_for_user(error):
        print(as_lines(error), file=sys.stderr)


def _leave(status: int) -> NoReturn:
    gc.collect()  # wrappers of the model go before the group they use
    gloo = torch.distributed.is_initialized() and torch.distributed.get_backend() == 'gloo'
    if torch.distributed.is_initialized() and status == 0:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    if gloo:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        shutil.rmtree(get_temp_dir(), ignore_errors=True)  # no handler of the exit does it now
        os._exit(status)
    sys.exit(status)
