"""Options that several commands have in common."""

import argparse
import math
import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from mmengine.config import Config, DictAction

from mmcl_ext.config.launch import TIMEOUT
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.config.user_errors import UserError


class OptionsAction(DictAction):
    """MMEngine's ``DictAction`` that refuses what is not ``key=value`` as argparse does."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        """Read the settings into a dict."""
        try:
            super().__call__(parser, *args, **kwargs)
        except (ValueError, AssertionError) as error:
            raise argparse.ArgumentError(self, 'settings are given as key=value') from error


def finite_number(text: str) -> float:
    """Read the value of an option; ``nan`` would pass, or fail, every comparison."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'expected a finite number, got {text!r}')
    return value


def add_cfg_options(
    parser: argparse.ArgumentParser, text: str = 'settings to override, key=value'
) -> None:
    """Add ``--cfg-options``, and ``--safe-config`` for the configuration that they change."""
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, help=text)
    add_safe_config(parser)


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Add the launcher of several processes, whose rank PyTorch's old launcher gives by option."""
    launchers = ['none', 'pytorch', 'slurm', 'mpi']
    parser.add_argument('--launcher', choices=launchers, default='none', help='job launcher')
    parser.add_argument(
        '--timeout',
        type=finite_number,
        help='seconds after which a process that hangs ends the run (env_cfg.dist_cfg.timeout of '
        f'the configuration, or {TIMEOUT:g})',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def parse_launched(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line of a command with a launcher."""
    args = parser.parse_intermixed_args()
    if args.timeout is not None and not 0 < args.timeout < 1e9:
        parser.error(f'--timeout must be positive, got {args.timeout:g}')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add ``--import``, which a published file of a user's own network needs."""
    parser.add_argument(
        '--import',
        dest='modules',
        nargs='+',
        default=[],
        metavar='MODULE',
        help='modules that register your own networks, such as my_nets.joint_mlp',
    )


def import_modules(names: Sequence[str]) -> None:
    """Import modules that register classes; a UserError if Python does not find one."""
    for name in names:
        if not all(part.isidentifier() for part in name.split('.')):
            raise UserError(
                f'--import: {name!r} is no name of a module, such as my_package.networks'
            )
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f'{name}.'.startswith(f'{error.name}.'):
                raise  # found, but it lacks something itself
            problem = f'--import: there is no module {name!r}; put its folder on PYTHONPATH'
            raise UserError(problem) from None


def keep_imports(cfg: Config, names: Sequence[str]) -> None:
    """Add modules to ``custom_imports``, so that the copy in the work folder names them."""
    if names:
        known = cfg.get('custom_imports', {}).get('imports', [])
        known = [known] if isinstance(known, str) else known
        imports = list(dict.fromkeys([*known, *names]))
        cfg.custom_imports = dict(imports=imports, allow_failed_imports=False)
