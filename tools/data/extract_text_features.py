"""Ask a model about every composite: ``extract_text_features.py CONFIG SOURCE OUT``.

SOURCE is the folder of the composite images (of the .npy files for configurations that import
them). An interrupted run goes on where it was.
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
from mmcl_ext.preparation.text import extract_text_features


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration, such as configs/preparation/text_blip.py')
    parser.add_argument('source', help='folder with one file per sample name')
    parser.add_argument('out', help='folder for the feature files')
    add_sample_options(parser)
    add_run_options(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings to override, key=value, such as question=touching_head batch_size=4',
    )
    return parser.parse_args()


def extract(args: argparse.Namespace) -> bool:
    """Run; return whether every sample has its features."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    report = extract_text_features(
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
    run_step(args.launcher, lambda: extract(args))


if __name__ == '__main__':
    run_and_exit(main)
