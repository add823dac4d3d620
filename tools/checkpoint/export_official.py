"""Convert a checkpoint of CTR-GCN into the authors' layout."""

import argparse
import pickle

from mmcl_ext.checkpoints.official_checkpoint import export_ctrgcn, save_checkpoint
from mmcl_ext.config.user_errors import one_line_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint of this package, whole or stripped')
    parser.add_argument('target', help="file to write, a bare state dictionary as the authors' .pt")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_line_errors(EOFError, RuntimeError, pickle.UnpicklingError):
        state = export_ctrgcn(args.source)
        save_checkpoint(state, args.target)
    print(f'{len(state)} entries of CTR-GCN written to {args.target}')


if __name__ == '__main__':
    main()
