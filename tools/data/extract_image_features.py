"""Cache the features of a frozen image encoder: ``extract_image_features.py CONFIG OUT``.

CONFIG is that of a co-learning training: its image encoder, its composites and, unless a store
is named, its training samples. An interrupted run goes on where it was.
"""

import argparse

from mmengine.config import DictAction

from mmcl_ext.apis import load_config
from mmcl_ext.dist import rank
from mmcl_ext.engine.launch import run_and_exit
from mmcl_ext.preparation.command_line import add_run_options, run_step, sample_names
from mmcl_ext.preparation.image_features import extract_image_features


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration of a co-learning training')
    parser.add_argument('out', help='feature file to write (.safetensors)')
    parser.add_argument('--checkpoint', help="take the encoder of this training's checkpoint")
    parser.add_argument('--store', help='all samples of this store, in its order')
    parser.add_argument('--seed', type=int, default=0, help='for an encoder with random weights')
    parser.add_argument('--batch-size', type=int, default=32, help='images computed together')
    parser.add_argument('--chunk-size', type=int, default=512, help='samples of a shard')
    add_run_options(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings to override, key=value',
    )
    return parser.parse_args()


def extract(args: argparse.Namespace) -> bool:
    """Run; return whether every sample has its feature."""
    report = extract_image_features(
        load_config(args.config, args.cfg_options),
        args.out,
        checkpoint=args.checkpoint,
        names=sample_names(args.store),
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
    run_step(args.launcher, lambda: extract(args))


if __name__ == '__main__':
    run_and_exit(main)
