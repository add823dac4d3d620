"""Test a recognizer from the skeleton alone."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process

from mmcl_ext import apis
from mmcl_ext.checkpoints.published_config import is_published, published_config
from mmcl_ext.config.command_line import (
    add_cfg_options,
    add_import,
    add_launcher,
    finite_number,
    import_modules,
    parse_launched,
)
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import UserError, one_line_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration of the training, or published checkpoint')
    parser.add_argument('checkpoint', nargs='?', help='its checkpoint, whole or stripped')
    parser.add_argument('--store', help='store or pickle to test a published checkpoint on')
    parser.add_argument('--split', help='its split; default: all samples')
    add_import(parser)
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
    parser.add_argument(
        '--wait-time', type=finite_number, default=2, help='seconds to show a window for'
    )
    add_launcher(parser)
    return parse_launched(parser)


@contextmanager
def open_config(args: argparse.Namespace) -> Iterator[Config]:
    if args.checkpoint is None and is_published(args.config, args.store):
        with published_config(args.config, args.store, args.split, args.cfg_options) as cfg:
            yield cfg
    elif args.checkpoint is None or args.store or args.split:
        raise UserError('give a configuration and its checkpoint, or a published one and --store')
    else:
        yield apis.get_config(args.config, args.cfg_options)


def prepare_config(cfg: Config, args: argparse.Namespace) -> None:
    apis.set_launcher(cfg, args.launcher, args.timeout)
    if args.show or args.show_dir:
        apis.show_predictions(
            cfg,
            show=args.show,
            out_dir=args.show_dir,
            interval=args.interval,
            wait_time=args.wait_time,
        )


@one_line_errors(wrong=())
def main() -> None:
    args = parse_args()
    import_modules(args.modules)
    with open_config(args) as cfg:
        prepare_config(cfg, args)
        apis.set_work_dir(cfg, args.work_dir, cfg.filename or args.config)
        folder = Path(cfg.work_dir)
        dump = args.dump or (folder / 'predictions.pkl' if args.per_class else None)
        apis.test_model(cfg, args.checkpoint or args.config, dump=dump)
    if args.per_class and is_main_process():
        print(apis.report_classes(dump, folder))


if __name__ == '__main__':
    run_and_exit(main)
