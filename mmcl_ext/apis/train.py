import copy
import os
import sys
from collections.abc import Callable
from typing import TypeVar
from urllib.error import URLError

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch import nn

from mmcl_ext.config.config_errors import check_config, setup_errors
from mmcl_ext.config.launch import prepare_launch
from mmcl_ext.config.number_format import describe_emulation, set_number_format
from mmcl_ext.config.options import (
    last_checkpoint,
    set_randomness,
    set_resume,
    set_work_dir,
)
from mmcl_ext.config.user_errors import UserError, launched_rank
from mmcl_ext.engine.hooks.amp_overflow_hook import AmpOverflowHook
from mmcl_ext.engine.hooks.checkpoint_fit_hook import CheckpointFitHook
from mmcl_ext.engine.hooks.compile_report_hook import CompileReportHook
from mmcl_ext.engine.hooks.finite_loss_hook import FiniteLossHook
from mmcl_ext.engine.hooks.setup_summary_hook import SetupSummaryHook
from mmcl_ext.engine.hooks.start_hook import StartHook
from mmcl_ext.engine.terminal_runner import TerminalRunner
from mmcl_ext.fileio.atomic_file import name_full_disk
from mmcl_ext.fileio.checkpoint import require_checkpoint
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.parallel.kept_memory import keep_freed_memory
from mmcl_ext.registry import RUNNERS

_T = TypeVar('_T')


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a configuration, or list all that is wrong with it in a UserError."""
    if 'model' not in cfg:
        raise UserError(
            f'{cfg.filename} has no model: it is no configuration to train or test with'
        )
    check_config(cfg)
    with setup_errors():
        runner = RUNNERS.build(cfg) if 'runner_type' in cfg else TerminalRunner.from_cfg(cfg)
        finite_loss = FiniteLossHook(cfg.get('nonfinite_loss', 'stop'))
    runner.register_hook(CheckpointFitHook())
    runner.register_hook(finite_loss)
    runner.register_hook(SetupSummaryHook())
    logger = cfg.get('default_hooks', {}).get('logger') or {}
    interval = int(logger.get('interval', 10))
    runner.register_hook(AmpOverflowHook(interval))
    if cfg.get('compile'):
        runner.register_hook(CompileReportHook(interval))
    return runner


def train_model(
    cfg: Config,
    *,
    work_dir: str | os.PathLike | None = None,
    seed: int | None = None,
    amp: bool | None = None,
    resume: str | None = None,
) -> nn.Module:
    """Train, and say where to go on if interrupted; the model comes without a wrapper.

    What is wrong with the configuration, which stays as it is, the data or a checkpoint is a
    UserError before the first step.

    Args:
        work_dir: Folder of logs and checkpoints; None takes the configuration's, else one in
            ``work_dirs`` that is named after it.
        seed: Random seed, in place of the configuration's.
        amp: Mixed precision, on a CPU in bfloat16, or float32. None: what the configuration's
            ``amp`` says, what a resumed training began in, else bfloat16 on a CPU with
            instructions for it and float32 elsewhere.
        resume: Checkpoint to go on from, or ``'auto'`` for the last one in ``work_dir``.
    """
    cfg = copy.deepcopy(cfg)
    set_work_dir(cfg, work_dir, cfg.filename or 'model')
    set_randomness(cfg, seed)
    set_resume(cfg, resume)
    if cfg.get('load_from'):
        require_checkpoint(cfg.load_from)
    number_format = set_number_format(cfg, amp)
    if (warning := describe_emulation(cfg)) and not launched_rank():
        print(warning, file=sys.stderr)
    prepare_launch(cfg)
    if get_device() == 'cpu':
        keep_freed_memory()
    try:
        runner = build_runner(cfg)
        if number_format:
            runner.logger.info(number_format)
        return unwrap_model(run_to_end(runner, runner.train))
    except URLError as error:
        raise OSError(f'load_from={cfg.load_from} cannot be read: {error.reason}') from None
    except KeyboardInterrupt:
        if is_main_process():
            print(f'\n{describe_interruption(cfg.work_dir)}', file=sys.stderr)
        raise


def run_to_end(runner: Runner, work: Callable[[], _T]) -> _T:
    """Train or test; until the first step an error is the user's to mend, later a fault here."""
    start = StartHook()
    runner.register_hook(start)
    with name_full_disk(runner.work_dir), setup_errors(while_=lambda: not start.begun):
        return work()


def describe_interruption(work_dir: str) -> str:
    """Say what an interrupted training has left in its work folder and how to go on."""
    checkpoint = last_checkpoint(work_dir)
    if checkpoint is None:
        return f'Interrupted before the first checkpoint in {work_dir}.'
    return f'Interrupted. The same command with --resume goes on from {checkpoint}.'
