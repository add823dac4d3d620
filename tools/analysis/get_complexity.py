"""Print parameters and multiply-accumulates of one model, or of the paper's table."""

import argparse
from pathlib import Path

from mmcl_ext.analysis import complexity
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.config.command_line import add_cfg_options, add_import, import_modules
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.user_errors import UserError, one_line_errors
from mmcl_ext.fileio.zoo import find_in_zoo

MMCL_CONFIG = Path(__file__).parents[2] / 'configs' / 'mmcl' / 'ctrgcn_hdgraph_ntu120.py'
MMCL_IN_PAPER = (1.44, 1.79)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='?', help='configuration, or published checkpoint')
    parser.add_argument(
        '--all',
        action='store_true',
        help='every backbone of Table 7 of the paper, and MMAction2 ones',
    )
    parser.add_argument(
        '--shape', nargs=5, type=int, metavar=tuple('NMTVC'), help='input of the backbone'
    )
    parser.add_argument('--classes', type=int, help='number of classes with --all (120)')
    add_import(parser)
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.all == bool(args.config):
        parser.error('give a configuration file or --all')
    if args.classes is not None and not args.all:
        parser.error(
            '--classes goes with --all; of a configuration, set model.cls_head.num_classes'
        )
    return args


def measure_config(
    config: str | Path, options: dict | None = None, shape: list[int] | None = None
) -> complexity.Complexity:
    config = find_in_zoo(config)
    if Path(config).suffix in ('.pth', '.safetensors'):
        if options:
            raise UserError(f'--cfg-options goes with a configuration, not with {config}')
        model, info = load_deployed(config)
        size = (info.num_person, info.window or 64, len(info.joint_names), info.in_channels)
        return complexity.measure(model, shape or (1, *size))
    cfg = load_config(config, options)
    model = complexity.build_deployed(cfg)
    return complexity.measure(model, shape or complexity.clip_shape(cfg, model))


def print_table(num_classes: int, shape: list[int]) -> None:
    head = {'model.cls_head.num_classes': num_classes}
    in_paper = MMCL_IN_PAPER if complexity.is_paper_setting(num_classes, shape) else None
    rows = [
        *complexity.measure_rows(complexity.PAPER_BACKBONES, num_classes, shape),
        ('MMCL, deployed', measure_config(MMCL_CONFIG, head, shape), in_paper),
        *complexity.measure_rows(complexity.MORE_BACKBONES, num_classes, shape),
    ]
    print(f'{num_classes} classes, random weights, evaluation mode')
    print(complexity.format_costs(rows))


@one_line_errors()
def main() -> None:
    args = parse_args()
    import_modules(args.modules)
    if args.all:
        print_table(120 if args.classes is None else args.classes, args.shape or [1, 2, 64, 25, 3])
    else:
        cost = measure_config(args.config, args.cfg_options, args.shape)
        print(complexity.format_costs([(Path(args.config).stem, cost, None)]))


if __name__ == '__main__':
    main()
