"""Convert a published checkpoint into one of this package."""

import argparse
from pathlib import Path

from mmengine.config import Config

from mmcl_ext.checkpoints.convert import (
    ConvertedCheckpoint,
    import_state,
    save_imported,
)
from mmcl_ext.config.build_model import use_deployed_model
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.fileio.printable import printable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='.pt, .pth or .safetensors file')
    parser.add_argument('target', help='checkpoint to write')
    parser.add_argument(
        '--config', help='configuration to import into; by default one is made from the entries'
    )
    parser.add_argument('--k', type=int, help='InfoGCN: order of the relative representation')
    parser.add_argument('--center', type=int, help='HD-GCN: centre of mass, counted from 1')
    parser.add_argument(
        '--keep-co-learning',
        action='store_true',
        help='MMCL: keep image encoder, alignment and refinement modules for further training',
    )
    add_safe_config(parser)
    return parser.parse_args()


def convert(args: argparse.Namespace) -> ConvertedCheckpoint:
    model_cfg = None
    if args.config:
        cfg = load_config(args.config)
        use_deployed_model(cfg)
        model_cfg = cfg.model.to_dict() if hasattr(cfg.model, 'to_dict') else dict(cfg.model)
    state = read_checkpoint(args.source)['state_dict']
    imported = import_state(state, model_cfg, k=args.k, center=args.center)
    if args.keep_co_learning:
        from mmcl_ext.checkpoints.families.mmcl_action import keep_co_learning

        imported = keep_co_learning(imported)
    return imported


def describe(imported: ConvertedCheckpoint) -> str:
    dropped = len(imported.train_only)
    lines = [
        f'source: {imported.source}',
        *([f'{dropped} train-only entries left out'] if dropped else []),
        *imported.notes,
        'settings that fit:',
        Config(dict(model=imported.model_cfg)).pretty_text,
    ]
    return '\n'.join(printable(line) for text in lines for line in text.split('\n'))


@one_line_errors()
def main() -> None:
    args = parse_args()
    imported = convert(args)
    save_imported(imported, args.target, args.source)
    print(describe(imported))
    print(f'{len(imported.state_dict)} entries written to {Path(args.target)}')


if __name__ == '__main__':
    main()
