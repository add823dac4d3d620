"""Train a recognizer."""

import argparse

from mmengine.config import Config

from mmcl_ext import apis
from mmcl_ext.config.command_line import (
    add_cfg_options,
    add_import,
    add_launcher,
    import_modules,
    keep_imports,
    parse_launched,
)
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration file, or name of a shipped one')
    parser.add_argument('--work-dir', help='folder of logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or from the last one in the work folder',
    )
    parser.add_argument(
        '--amp',
        action=argparse.BooleanOptionalAction,
        help='train in mixed precision (on a CPU: bfloat16), or in float32; without either, a CPU '
        'with instructions for bfloat16 takes it',
    )
    parser.add_argument('--no-validate', action='store_true', help='train without validation')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the samples a step, relative to the base batch size',
    )
    parser.add_argument('--seed', type=int, help='random seed, in place of the configuration one')
    parser.add_argument('--diff-rank-seed', action='store_true', help='another seed on each rank')
    parser.add_argument('--deterministic', action='store_true', help='deterministic algorithms')
    add_cfg_options(
        parser, 'settings to override, key=value; lists as key="[a,b]"; stream=bone for a stream'
    )
    add_import(parser)
    add_launcher(parser)
    return parse_launched(parser)


def build_config(args: argparse.Namespace) -> Config:
    cfg = apis.get_config(args.config, args.cfg_options)
    keep_imports(cfg, args.modules)
    apis.set_launcher(cfg, args.launcher, args.timeout)
    apis.set_randomness(cfg, args.seed, args.diff_rank_seed, args.deterministic)
    if args.no_validate:
        apis.drop_validation(cfg)
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    return cfg


@one_line_errors(wrong=())
def main() -> None:
    args = parse_args()
    import_modules(args.modules)
    cfg = build_config(args)
    apis.train_model(cfg, work_dir=args.work_dir, amp=args.amp, resume=args.resume)


if __name__ == '__main__':
    run_and_exit(main)
