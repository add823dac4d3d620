"""What the command lines of the preparation have in common."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

from mmengine.config import Config
from mmengine.dist import get_rank

from mmcl_ext.config.command_line import add_cfg_options
from mmcl_ext.config.launch import init_gloo
from mmcl_ext.config.load_config import load_config, require
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.store import SkeletonStore

_WEEK = 7 * 24 * 3600.0  # seconds; processes wait for one another at the end


class Report(Protocol):
    """What a step has done; ``str()`` makes the text for the user."""

    @property
    def complete(self) -> bool:
        """Whether no sample is lacking."""


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what every step has: errors, progress, launcher."""
    parser.add_argument(
        '--on-error',
        choices=('stop', 'skip'),
        default='stop',
        help='what to do at an unreadable sample',
    )
    parser.add_argument('--quiet', action='store_true', help='no progress')
    parser.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='job launcher'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def read_config(args: argparse.Namespace) -> Config:
    """Read the configuration ``args.config`` with ``--cfg-options``."""
    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'source')
    return cfg


def run_extraction(
    about: str | None,
    positionals: Mapping[str, str],
    extract: Callable[[argparse.Namespace, dict[str, Any]], Report],
    *,
    example: str = '',
    add_options: Callable[[argparse.ArgumentParser], object] = id,
) -> NoReturn:
    """Be the command that computes something for samples, resumable and over processes.

    Each of ``positionals`` is an argument with its help; ``extract`` gets the arguments and
    ``names``, ``on_error`` and ``progress``; ``example`` shows settings to override in the help.
    """
    parser = argparse.ArgumentParser(description=about)
    for name, text in positionals.items():
        parser.add_argument(name, help=text)
    parser.add_argument('--store', help='take the sample names, and their order, of this store')
    parser.add_argument('--split', help='only this split of the store')
    add_options(parser)
    add_run_options(parser)
    such_as = f', such as {example}' if example else ''
    add_cfg_options(parser, f'settings to override, key=value{such_as}')
    args = parser.parse_args()

    def step() -> Report:
        names = chosen_names(args.store, args.split)
        return extract(args, dict(names=names, on_error=args.on_error, progress=not args.quiet))

    report_step(args.launcher, step)


def chosen_names(store_path: str | None, split: str | None = None) -> list[str] | None:
    """List the samples of a store, or of one of its splits; None without a store."""
    if not store_path:
        if split:
            raise ValueError('--split needs --store')
        return None
    store = SkeletonStore(store_path)
    if split is None:
        return list(store.names)
    return [store.names[index] for index in store.split(split).tolist()]


def run_step(launcher: str, work: Callable[[], bool]) -> NoReturn:
    """Work on all processes of a launcher and exit.

    The status is 0 when the result is complete, 1 after an error, 2 when samples are lacking.
    """
    with one_line_errors():
        if launcher != 'none':
            init_gloo(launcher, _WEEK)
        try:
            complete = work()
        except KeyboardInterrupt:
            if get_rank() == 0:
                print('\ninterrupted; the same command goes on', file=sys.stderr)
            raise
    raise SystemExit(0 if complete else 2)


def report_step(launcher: str, work: Callable[[], Report]) -> NoReturn:
    """Do :func:`run_step` and print, in the main process, what was done."""

    def reported() -> bool:
        report = work()
        if get_rank() == 0:
            print(report, flush=True)
        return report.complete

    run_step(launcher, reported)
