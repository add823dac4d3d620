"""Convert a checkpoint of CTR-GCN into the authors' layout."""

import argparse

from mmcl_ext.checkpoints.convert import export_ctrgcn
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.checkpoint import write_checkpoint


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint of this package, whole or stripped')
    parser.add_argument('target', help="file to write, a bare state dictionary as the authors' .pt")
    return parser.parse_args()


@one_line_errors()
def main() -> None:
    args = parse_args()
    state = export_ctrgcn(args.source)
    write_checkpoint(state, args.target)
    print(f'{len(state)} entries of CTR-GCN written to {args.target}')


if __name__ == '__main__':
    main()
