"""Hold out a part of a training split: ``hold_out.py STORE OUT --split xsub_train``."""

import argparse
from collections.abc import Sequence

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.hold_out import WAYS, hold_out
from mmcl_ext.datasets.metainfo.subjects import add_subject_pattern


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='annotation store (.safetensors)')
    parser.add_argument('out', help='store to write, with two more splits')
    parser.add_argument('--split', required=True, help='training split to divide')
    parser.add_argument(
        '--fraction', type=finite_number, default=0.1, help='share to hold out (0.1)'
    )
    parser.add_argument(
        '--by',
        choices=WAYS,
        default='subject',
        help='hold out whole subjects, or samples by a hash of their names',
    )
    parser.add_argument('--seed', type=int, default=0, help='another one holds out others')
    add_subject_pattern(parser)
    return parser.parse_args(arguments)


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    options = vars(parse_args(arguments))
    source, out, split = (options.pop(key) for key in ('source', 'out', 'split'))
    print(hold_out(source, out, split, **options))


if __name__ == '__main__':
    main()
