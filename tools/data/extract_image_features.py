"""Cache the features of a frozen image encoder: ``extract_image_features.py CONFIG OUT``.

CONFIG is that of a co-learning training: its image encoder, its composites and, unless a store
is named, its training samples. An interrupted run goes on where it was.
"""

import argparse
import os
import sys

from mmengine.config import DictAction

from mmcl_ext.apis import load_config
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.dist import rank
from mmcl_ext.engine.launch import init_gloo, run_and_exit
from mmcl_ext.preparation.image_features import extract_image_features

WEEK = 7 * 24 * 3600.0  # seconds; processes wait for one another at the end


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration of a co-learning training')
    parser.add_argument('out', help='feature file to write (.safetensors)')
    parser.add_argument('--checkpoint', help="take the encoder of this training's checkpoint")
    parser.add_argument('--store', help='all samples of this store, in its order')
    parser.add_argument('--seed', type=int, default=0, help='for an encoder with random weights')
    parser.add_argument('--batch-size', type=int, default=32, help='images computed together')
    parser.add_argument('--chunk-size', type=int, default=512, help='samples of a shard')
    parser.add_argument('--on-error', choices=('stop', 'skip'), default='stop')
    parser.add_argument('--quiet', action='store_true', help='no progress')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings to override, key=value',
    )
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser.parse_args()


def extract(args: argparse.Namespace) -> bool:
    """Run; return whether every sample has its feature."""
    if args.launcher != 'none':
        init_gloo(args.launcher, WEEK)
    report = extract_image_features(
        load_config(args.config, args.cfg_options),
        args.out,
        checkpoint=args.checkpoint,
        names=list(SkeletonStore(args.store).names) if args.store else None,
        seed=args.seed,
        batch_size=args.batch_size,
        chunk_size=args.chunk_size,
        on_error=args.on_error,
        progress=not args.quiet,
    )
    if rank() == 0:
        print(report, flush=True)
    return report.complete


def main() -> None:
    args = parse_args()
    try:
        complete = extract(args)
    except (ValueError, OSError) as error:
        if 'TORCHELASTIC_ERROR_FILE' in os.environ:  # the summary of torchrun tells it
            raise
        print(f'error: {error}', file=sys.stderr, flush=True)
        raise SystemExit(1) from error
    raise SystemExit(0 if complete else 2)


if __name__ == '__main__':
    run_and_exit(main)
