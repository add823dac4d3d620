"""Cache the features of a frozen image encoder: ``extract_image_features.py CONFIG OUT``.

CONFIG is that of a co-learning training: its image encoder, its composites and, unless a store
is named, its training samples. An interrupted run is continued by the same command.
"""

import argparse
from typing import Any

from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.load_config import load_config, require
from mmcl_ext.preparation.extraction.command_line import run_extraction
from mmcl_ext.preparation.extraction.sharding import ExtractionReport
from mmcl_ext.preparation.features.image_features import extract_image_features


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--checkpoint', help="take the encoder of this training's checkpoint")
    parser.add_argument('--seed', type=int, default=0, help='for an encoder with random weights')
    parser.add_argument('--batch-size', type=int, default=32, help='images computed together')
    parser.add_argument('--chunk-size', type=int, default=512, help='samples of a shard')


def extract(args: argparse.Namespace, run: dict[str, Any]) -> ExtractionReport:
    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model', 'train_dataloader')
    return extract_image_features(
        cfg,
        args.out,
        checkpoint=args.checkpoint,
        seed=args.seed,
        batch_size=args.batch_size,
        chunk_size=args.chunk_size,
        **run,
    )


def main() -> None:
    run_extraction(
        __doc__,
        dict(
            config='configuration of a co-learning training',
            out='feature file to write (.safetensors)',
        ),
        extract,
        add_options=add_options,
    )


if __name__ == '__main__':
    run_and_exit(main)
