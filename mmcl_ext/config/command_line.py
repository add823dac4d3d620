"""Options that several commands have in common."""

import argparse
import os
from typing import Any

from mmengine.config import DictAction


class OptionsAction(DictAction):
    """MMEngine's ``DictAction`` that refuses what is not ``key=value`` as argparse does."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        """Read the settings into a dict.

        Raises:
            argparse.ArgumentError: A setting has no ``=``, or brackets that do not match.
        """
        try:
            super().__call__(parser, *args, **kwargs)
        except (ValueError, AssertionError) as error:
            raise argparse.ArgumentError(self, 'settings are given as key=value') from error


def add_cfg_options(
    parser: argparse.ArgumentParser, text: str = 'settings to override, key=value'
) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, help=text)


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Add the launcher of several processes, whose rank PyTorch's old launcher gives by option."""
    launchers = ['none', 'pytorch', 'slurm', 'mpi']
    parser.add_argument('--launcher', choices=launchers, default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def parse_launched(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line of a command with a launcher."""
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args
