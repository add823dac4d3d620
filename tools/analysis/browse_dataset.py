"""Look at a data set: pages with views, streams and augmentation, and moving skeletons."""

import argparse
from pathlib import Path

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmcl_ext.config.command_line import add_cfg_options, finite_number
from mmcl_ext.config.load_config import load_config, require
from mmcl_ext.config.shipped_configs import CONFIG_SUFFIXES
from mmcl_ext.config.user_errors import UserError, one_line_errors
from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.registry import DATASETS
from mmcl_ext.visualization.browse import browse

AUGMENTATION = (
    dict(type='CenterSkeleton'),
    dict(type='ValidCropResize', window=64, p_interval=(0.5, 1.0)),
    dict(type='RandomRotation', theta=0.3),
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='configuration, store (.safetensors) or .pkl')
    parser.add_argument('--out-dir', default='work_dirs/browse', help='folder of the pictures')
    parser.add_argument('--layout', help='name or .json of the layout, for a .pkl')
    parser.add_argument('--split', help='split of the store; default: all samples')
    parser.add_argument(
        '--loader',
        default='train',
        choices=('train', 'val', 'test'),
        help='loader of a configuration whose data are shown',
    )
    parser.add_argument('--samples', nargs='+', help='names of the samples to show')
    parser.add_argument(
        '--num', type=int, default=4, help='without --samples: so many, one class after another'
    )
    parser.add_argument('--composites', help='folder of composites to show beside')
    parser.add_argument('--draws', type=int, default=2, help='draws of the augmentation to show')
    parser.add_argument(
        '--motion',
        default='gif',
        choices=('gif', 'mp4', 'none'),
        help='kind of the moving skeletons',
    )
    parser.add_argument(
        '--fps', type=finite_number, default=30.0, help='frames per second of the motion'
    )
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.num < 1 or args.draws < 0:
        parser.error(f'--num counts from 1 and --draws from 0, got {args.num} and {args.draws}')
    return args


def open_dataset(args: argparse.Namespace) -> SkeletonDataset:
    if not args.source.endswith(CONFIG_SUFFIXES):
        dataset = SkeletonDataset(args.source, args.split, layout=args.layout)
        flat = dataset[0]['keypoint'].shape[-1] == 2
        steps = [step for step in AUGMENTATION if not flat or step['type'] != 'RandomRotation']
        dataset.pipeline = Compose(steps)
        return dataset
    if args.layout:
        raise UserError('--layout goes with a store or .pkl: a configuration names its layout')
    cfg = load_config(args.source, args.cfg_options)
    require(cfg, f'{args.loader}_dataloader')
    dataset = DATASETS.build(cfg[f'{args.loader}_dataloader'].dataset)
    while not isinstance(dataset, SkeletonDataset) and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    if not isinstance(dataset, SkeletonDataset):
        raise ValueError(f'{args.source} has a {type(dataset).__name__}, not a SkeletonDataset')
    return dataset


def choose(dataset: SkeletonDataset, names: list[str] | None, number: int) -> list[int]:
    """Return the items of the names, or the first of each class, then the second, ..."""
    if names is None:
        labels = dataset.labels
        rank = np.zeros(len(labels), np.int64)
        for label in np.unique(labels):
            rank[labels == label] = np.arange(np.count_nonzero(labels == label))
        return np.lexsort((labels, rank))[:number].tolist()
    positions = {name: i for i, name in enumerate(dataset.sample_names)}
    unknown = [name for name in names if name not in positions]
    if unknown:
        raise ValueError(f'the data set has no samples {unknown}')
    return [positions[name] for name in names]


@one_line_errors()
def main() -> None:
    args = parse_args()
    init_default_scope('mmcl_ext')
    dataset = open_dataset(args)
    indices = choose(dataset, args.samples, args.num)
    motion = None if args.motion == 'none' else args.motion
    for path in browse(
        dataset,
        indices,
        Path(args.out_dir),
        composites=args.composites,
        draws=args.draws,
        motion=motion,
        fps=args.fps,
    ):
        print(path)


if __name__ == '__main__':
    main()
