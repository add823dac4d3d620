"""What the command lines of inference have in common."""

import argparse
from typing import Any

from mmcl_ext.apis.inferencer.mmcl_inferencer import BACKENDS, MMCLInferencer


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add which model is taken and what runs it."""
    parser.add_argument(
        '--model', required=True, help='published checkpoint, exported file, or configuration'
    )
    parser.add_argument('--checkpoint', help='checkpoint, where --model is a configuration')
    parser.add_argument('--backend', choices=BACKENDS, help='by default told by the model file')
    parser.add_argument('--optimize', action='store_true', help='fuse layers of a PyTorch model')
    parser.add_argument('--device', default='cpu', help='where PyTorch models run')


def open_inferencer(args: argparse.Namespace, **options: Any) -> MMCLInferencer:
    """Load the model of :func:`add_model_options`.

    Args:
        args: The parsed command line.
        options: Further arguments of :class:`MMCLInferencer`.

    Raises:
        FileNotFoundError: A file is missing.
        ModuleNotFoundError: The backend is not installed.
        ValueError: The device is unknown, or the files do not fit together.
    """
    return MMCLInferencer(
        args.model,
        args.checkpoint,
        backend=args.backend,
        device=args.device,
        optimize=args.optimize,
        **options,
    )
