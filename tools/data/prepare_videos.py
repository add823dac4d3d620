"""Prepare videos of your own for co-learning: ``prepare_videos.py VIDEOS [SKELETONS] OUT``.

Finds the poses in the videos, or converts the skeletons where needed, boxes the persons, makes
composites and, as wanted, text and image features, checks all of it and writes a configuration to
train with. An interrupted run goes on where it was.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from mmcl_ext.config.command_line import OptionsAction, finite_number
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.preparation.composites.composite import ORDERS
from mmcl_ext.preparation.extraction.command_line import add_run_options, run_step
from mmcl_ext.preparation.own_videos.prepare_videos import VideoPreparation
from mmcl_ext.preparation.pose.pose_settings import PoseSettings, add_pose_options
from mmcl_ext.preparation.videos.video import VIDEO_BACKENDS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('videos', type=Path, help='folder with one video per sample')
    parser.add_argument(
        'skeletons',
        type=Path,
        nargs='?',
        help='store, annotation pickle, or folder with files and labels.csv; else found in VIDEOS',
    )
    parser.add_argument('out', type=Path, help='folder for everything that is made')
    parser.add_argument(
        '--layout', help="name or .json of the joints of a folder's files (coco), or of a .pkl"
    )
    parser.add_argument('--labels', type=Path, help='table with name, label and split')
    parser.add_argument(
        '--boxes',
        default='skeleton',
        help="'skeleton' (2-D, in pixels), 'whole', a box file, or a detector's configuration",
    )
    parser.add_argument(
        '--text',
        type=Path,
        help='configuration of text features, such as configs/preparation/text_blip.py',
    )
    parser.add_argument(
        '--text-options',
        nargs='+',
        action=OptionsAction,
        default={},
        help='settings of --text to override, key=value',
    )
    parser.add_argument('--image-features', action='store_true', help='cache the image encoder')
    parser.add_argument('--base', help='configuration to inherit: mmcl_ext::mmcl/NAME.py')
    parser.add_argument('--train-split', help="default: the one with 'train' in its name")
    parser.add_argument('--val-split', help="default: the one with 'val' or 'test' in its name")
    parser.add_argument('--batch-size', type=int, help='samples of a training step')
    parser.add_argument(
        '--training-options',
        nargs='+',
        action=OptionsAction,
        default={},
        help='of the image encoder',
    )
    parser.add_argument('--tiles', dest='num_tiles', type=int, help='frames per composite')
    parser.add_argument('--size', type=int, nargs=2, metavar=('W', 'H'), help='pixels of an image')
    parser.add_argument('--margin', type=finite_number, help='share of the box on each side')
    parser.add_argument('--order', choices=ORDERS, help='direction of time')
    parser.add_argument('--rule', choices=('center', 'first'), help='which frames are taken')
    parser.add_argument('--quality', type=int, help='JPEG quality')
    parser.add_argument('--backend', choices=VIDEO_BACKENDS, default='auto', help='video decoder')
    parser.add_argument('--jobs', type=int, default=min(os.cpu_count() or 1, 8), help='workers')
    parser.add_argument('--partial', action='store_true', help='leave samples without a video out')
    parser.add_argument(
        '--coordinates', choices=('metres', 'pixels'), default='metres', help='of poses from VIDEOS'
    )
    add_pose_options(parser)
    add_run_options(parser)
    add_safe_config(parser)
    return parser.parse_args()


def pick(args: argparse.Namespace, *keys: str) -> dict[str, Any]:
    """Take the options that were given."""
    values = {key: getattr(args, key) for key in keys}
    return {k: tuple(v) if k == 'size' else v for k, v in values.items() if v is not None}


def prepare(args: argparse.Namespace) -> bool:
    """Run; return whether nothing is wrong."""
    preparation = VideoPreparation(
        composite=pick(args, 'num_tiles', 'size', 'margin', 'order', 'rule', 'quality'),
        training=pick(args, 'base', 'train_split', 'val_split', 'batch_size'),
        progress=not args.quiet,
        pose=PoseSettings.of(args),
        skeletons=args.skeletons,
        **pick(args, 'videos', 'out', 'layout', 'labels', 'boxes', 'text'),
        **pick(args, 'text_options', 'image_features', 'training_options'),
        **pick(args, 'backend', 'jobs', 'on_error', 'partial', 'coordinates'),
    )
    return preparation.run()


def main() -> None:
    args = parse_args()
    run_step(args.launcher, lambda: prepare(args))


if __name__ == '__main__':
    run_and_exit(main)
