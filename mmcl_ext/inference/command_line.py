"""What the command lines of inference have in common."""

import argparse
from typing import Any

from mmcl_ext.config.command_line import add_import, import_modules
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.datasets.store.skeleton_array import AXES
from mmcl_ext.inference.mmcl_inferencer import BACKENDS, MMCLInferencer


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add which model is taken and what runs it."""
    parser.add_argument(
        '--model', required=True, help='published checkpoint, exported file, or configuration'
    )
    parser.add_argument('--checkpoint', help='checkpoint, where --model is a configuration')
    add_import(parser)
    parser.add_argument('--backend', choices=BACKENDS, help='by default told by the model file')
    parser.add_argument('--optimize', action='store_true', help='fuse layers of a PyTorch model')
    parser.add_argument(
        '--trust',
        action='store_true',
        help='load .ts and .pt2 files, which can run code of whoever made them',
    )
    add_safe_config(parser)
    parser.add_argument('--device', default='cpu', help='where PyTorch models run')


def add_axes(parser: argparse.ArgumentParser) -> None:
    """Add in which order the axes of arrays are."""
    parser.add_argument('--axes', choices=AXES, help='of the arrays of a .npy')


def open_inferencer(args: argparse.Namespace, **options: Any) -> MMCLInferencer:
    """Load the model of :func:`add_model_options`, with options of :class:`MMCLInferencer`."""
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
