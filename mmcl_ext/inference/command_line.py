"""What the command lines of inference have in common."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from mmcl_ext.inference.mmcl_inferencer import BACKENDS, MMCLInferencer


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add which model is taken and what runs it."""
    parser.add_argument(
        '--model', required=True, help='published checkpoint, exported file, or configuration'
    )
    parser.add_argument('--checkpoint', help='checkpoint, where --model is a configuration')
    parser.add_argument(
        '--import',
        dest='modules',
        nargs='+',
        default=[],
        metavar='MODULE',
        help='modules that register your own networks, such as my_nets.joint_mlp',
    )
    parser.add_argument('--backend', choices=BACKENDS, help='by default told by the model file')
    parser.add_argument('--optimize', action='store_true', help='fuse layers of a PyTorch model')
    parser.add_argument(
        '--trust',
        action='store_true',
        help='load .ts and .pt2 files, which can run code of whoever made them',
    )
    parser.add_argument('--device', default='cpu', help='where PyTorch models run')


def open_inferencer(args: argparse.Namespace, **options: Any) -> MMCLInferencer:
    """Load the model of :func:`add_model_options`.

    Args:
        args: The parsed command line.
        options: Further arguments of :class:`MMCLInferencer`.

    Raises:
        FileNotFoundError: A file is missing.
        ModuleNotFoundError: The backend is not installed.
        ValueError: The device is unknown, a module to import is not there, or the files do not
            fit together.
    """
    import_modules(args.modules)
    return MMCLInferencer(
        args.model,
        args.checkpoint,
        backend=args.backend,
        device=args.device,
        optimize=args.optimize,
        trust=args.trust,
        **options,
    )


def import_modules(names: Sequence[str]) -> None:
    """Import modules that register classes.

    Raises:
        ValueError: Python does not find one.
    """
    for name in names:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f'{name}.'.startswith(f'{error.name}.'):
                raise  # found, but it lacks something itself
            problem = f'--import: there is no module {name!r}; put its folder on PYTHONPATH'
            raise ValueError(problem) from None
