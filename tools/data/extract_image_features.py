"""Cache the features of a frozen image encoder: ``extract_image_features.py CONFIG OUT``.

CONFIG is that of a co-learning training: its image encoder, its composites and, unless a store
is named, its training samples. An interrupted run goes on where it was.
"""

import argparse

from mmcl_ext.apis import load_config
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.preparation.extraction.command_line import (
    add_config_options,
    add_run_options,
    add_sample_options,
    extraction_options,
    report_step,
)
from mmcl_ext.preparation.extraction.sharding import ExtractionReport
from mmcl_ext.preparation.features.image_features import extract_image_features


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration of a co-learning training')
    parser.add_argument('out', help='feature file to write (.safetensors)')
    parser.add_argument('--checkpoint', help="take the encoder of this training's checkpoint")
    add_sample_options(parser)
    parser.add_argument('--seed', type=int, default=0, help='for an encoder with random weights')
    parser.add_argument('--batch-size', type=int, default=32, help='images computed together')
    parser.add_argument('--chunk-size', type=int, default=512, help='samples of a shard')
    add_run_options(parser)
    add_config_options(parser)
    return parser.parse_args()


def extract(args: argparse.Namespace) -> ExtractionReport:
    return extract_image_features(
        load_config(args.config, args.cfg_options),
        args.out,
        checkpoint=args.checkpoint,
        seed=args.seed,
        batch_size=args.batch_size,
        chunk_size=args.chunk_size,
        **extraction_options(args),
    )


def main() -> None:
    args = parse_args()
    report_step(args.launcher, lambda: extract(args))


if __name__ == '__main__':
    run_and_exit(main)
