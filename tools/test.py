"""Test a recognizer from the skeleton alone."""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process

from mmcl_ext import apis
from mmcl_ext.config.command_line import add_cfg_options, add_launcher, parse_launched
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration of the training')
    parser.add_argument('checkpoint', help='checkpoint of the training, whole or stripped')
    parser.add_argument('--work-dir', help='folder of the log and the metrics')
    parser.add_argument('--dump', help='pickle to write the predictions to')
    parser.add_argument(
        '--per-class',
        action='store_true',
        help='print the accuracy of each class; per_class.csv and confusion.png in the work folder',
    )
    add_cfg_options(
        parser, 'settings to override, key=value; lists as key="[a,b]"; stream=bone for a stream'
    )
    parser.add_argument('--show-dir', help='folder to write pictures of the predictions to')
    parser.add_argument('--show', action='store_true', help='show the pictures in a window')
    parser.add_argument('--interval', type=int, default=1, help='draw one sample in this many')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds to show a window for')
    add_launcher(parser)
    return parse_launched(parser)


def build_config(args: argparse.Namespace) -> Config:
    cfg = apis.get_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.show or args.show_dir:
        apis.show_predictions(
            cfg,
            show=args.show,
            out_dir=args.show_dir,
            interval=args.interval,
            wait_time=args.wait_time,
        )
    return cfg


@one_line_errors(wrong=())
def main() -> None:
    args = parse_args()
    cfg = build_config(args)
    apis.set_work_dir(cfg, args.work_dir, cfg.filename)
    folder = Path(cfg.work_dir)
    dump = args.dump or (folder / 'predictions.pkl' if args.per_class else None)
    apis.test_model(cfg, args.checkpoint, dump=dump)
    if args.per_class and is_main_process():
        print(apis.report_classes(dump, folder))


if __name__ == '__main__':
    run_and_exit(main)
