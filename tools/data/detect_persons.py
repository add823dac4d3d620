"""Find the person in the frames of every video: ``detect_persons.py CONFIG SOURCE OUT``.

SOURCE is a folder of videos, of .skeleton files, or an annotation store, as the configuration
says; OUT is one file for the boxes of all samples. An interrupted run goes on where it was.
"""

import argparse

from mmengine.config import Config, DictAction

from mmcl_ext.dist import rank
from mmcl_ext.engine.launch import run_and_exit
from mmcl_ext.preparation.command_line import (
    add_run_options,
    add_sample_options,
    run_step,
    sample_names,
)
from mmcl_ext.preparation.person_boxes import detect_persons


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration, such as configs/preparation/boxes_rtmdet.py')
    parser.add_argument('source', help='videos, .skeleton files, or an annotation store')
    parser.add_argument('out', help='file for the boxes, such as boxes.safetensors')
    add_sample_options(parser)
    add_run_options(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings to override, key=value, such as source.fallback=nearest batch_size=8',
    )
    return parser.parse_args()


def detect(args: argparse.Namespace) -> bool:
    """Run; return whether every sample has its boxes."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    report = detect_persons(
        cfg,
        args.source,
        args.out,
        names=sample_names(args.store, args.split),
        on_error=args.on_error,
        progress=not args.quiet,
    )
    if rank() == 0:
        print(report, flush=True)
    return report.complete


def main() -> None:
    args = parse_args()
    run_step(args.launcher, lambda: detect(args))


if __name__ == '__main__':
    run_and_exit(main)
