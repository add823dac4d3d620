"""Find the person in the frames of every video: ``detect_persons.py CONFIG SOURCE OUT``.

SOURCE is a folder of videos, of .skeleton files, or an annotation store, as the configuration
says; OUT is one file for the boxes of all samples. An interrupted run goes on where it was.
"""

import argparse
import os
import sys

from mmengine.config import Config, DictAction

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.dist import rank
from mmcl_ext.engine.launch import init_gloo, run_and_exit
from mmcl_ext.preparation.person_boxes import detect_persons

WEEK = 7 * 24 * 3600.0  # seconds; processes wait for one another at the end


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration, such as configs/preparation/boxes_rtmdet.py')
    parser.add_argument('source', help='videos, .skeleton files, or an annotation store')
    parser.add_argument('out', help='file for the boxes, such as boxes.safetensors')
    parser.add_argument('--store', help='take the sample names, and their order, of this store')
    parser.add_argument('--split', help='only this split of the store')
    parser.add_argument('--on-error', choices=('stop', 'skip'), default='stop')
    parser.add_argument('--quiet', action='store_true', help='no progress')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings to override, key=value, such as source.fallback=nearest batch_size=8',
    )
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    if args.split and not args.store:
        parser.error('--split needs --store')
    return args


def sample_names(args: argparse.Namespace) -> list[str] | None:
    if not args.store:
        return None
    store = SkeletonStore(args.store)
    if args.split is None:
        return list(store.names)
    if args.split not in store.splits:
        raise ValueError(f'{args.store} has no split {args.split!r}, only {tuple(store.splits)}')
    return [store.names[index] for index in store.splits[args.split].tolist()]


def detect(args: argparse.Namespace) -> bool:
    """Run; return whether every sample has its boxes."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    if args.launcher != 'none':
        init_gloo(args.launcher, WEEK)
    report = detect_persons(
        cfg,
        args.source,
        args.out,
        names=sample_names(args),
        on_error=args.on_error,
        progress=not args.quiet,
    )
    if rank() == 0:
        print(report, flush=True)
    return report.complete


def main() -> None:
    args = parse_args()
    try:
        complete = detect(args)
    except (ValueError, OSError) as error:
        if 'TORCHELASTIC_ERROR_FILE' in os.environ:  # the summary of torchrun tells it
            raise
        print(f'error: {error}', file=sys.stderr, flush=True)
        raise SystemExit(1) from error
    raise SystemExit(0 if complete else 2)


if __name__ == '__main__':
    run_and_exit(main)
