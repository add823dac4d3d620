"""Convert a data set to an annotation store: ``convert.py KIND SOURCE OUT``."""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets import SkeletonStore
from mmcl_ext.datasets.converters.conversion import ConversionReport
from mmcl_ext.datasets.converters.ctrgcn_npz import NPZ_SECOND_BODIES, convert_ctrgcn_npz
from mmcl_ext.datasets.converters.custom import convert_custom
from mmcl_ext.datasets.converters.ntu import NTU_PREPROCESSINGS, SECOND_BODIES, convert_ntu
from mmcl_ext.datasets.converters.nwucla import convert_nwucla
from mmcl_ext.datasets.converters.pickle_file import convert_pickle, export_pickle
from mmcl_ext.datasets.converters.sysu import convert_sysu
from mmcl_ext.datasets.converters.utdmhad import convert_utdmhad
from mmcl_ext.datasets.store.skeleton_array import AXES
from mmcl_ext.fileio.read_lines import read_lines


def convert_ntu60(*args: Any, **options: Any) -> ConversionReport:
    return convert_ntu(*args, num_classes=60, **options)


def convert_ntu120(*args: Any, **options: Any) -> ConversionReport:
    return convert_ntu(*args, num_classes=120, **options)


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--quiet', dest='progress', action='store_false', help='no progress bar')


def add_parallel(parser: argparse.ArgumentParser) -> None:
    add_dtype(parser)
    parser.add_argument('--processes', type=int, help='default: one per processor')
    add_common(parser)


def add_raw(parser: argparse.ArgumentParser) -> None:
    add_parallel(parser)
    parser.add_argument(
        '--on-error',
        choices=('stop', 'skip'),
        default='stop',
        help='what to do at an unreadable sample',
    )


def add_dtype(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--dtype', choices=('float32', 'float16'), help='type of the coordinates')


def add_classes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--classes',
        type=name_list,
        metavar='FILE',
        help='file with the names of the classes, one a line',
    )


def add_ntu(parser: argparse.ArgumentParser) -> None:
    add_raw(parser)
    parser.add_argument(
        '--preprocessing',
        choices=NTU_PREPROCESSINGS,
        default='ctrgcn',
        help='whose rules choose and place the bodies',
    )
    parser.add_argument(
        '--translate', action=argparse.BooleanOptionalAction, help='origin at the main actor'
    )
    parser.add_argument(
        '--second-body', choices=SECOND_BODIES, default='none', help='beside a single person'
    )


def add_npz(parser: argparse.ArgumentParser) -> None:
    add_parallel(parser)
    parser.add_argument(
        '--names', nargs='+', default='known', help='"index", or two files: names of the rows'
    )
    parser.add_argument(
        '--second-body', choices=NPZ_SECOND_BODIES, help='what stands for an absent second person'
    )


def add_pickle(parser: argparse.ArgumentParser) -> None:
    add_parallel(parser)
    add_classes(parser)
    parser.add_argument('--layout', help='name or .json; default: by the number of joints')


def add_sysu(parser: argparse.ArgumentParser) -> None:
    add_raw(parser)
    parser.add_argument('--seed', type=int, help='of the random splits')


def add_custom(parser: argparse.ArgumentParser) -> None:
    add_raw(parser)
    add_classes(parser)
    parser.add_argument('--layout', required=True, help='its name, or a description (.json)')
    parser.add_argument('--axes', choices=AXES, help='of the arrays of a .npy')
    parser.add_argument('--labels', help='table with name, label and split (SOURCE/labels.csv)')
    parser.add_argument(
        '--subject-pattern',
        help='regular expression for the whole name; its first group is the subject, and '
        'xsub_train and xsub_test have different ones',
    )
    parser.add_argument('--fraction', type=finite_number, help='share to test on (0.25)')


def name_list(path: str) -> list[str]:
    try:
        lines = [line.strip() for line in read_lines(path)]
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f'cannot read {path}: {error}') from error
    if not any(lines):
        raise argparse.ArgumentTypeError(f'{path} holds no names')
    return [line for line in lines if line]


Convert = Callable[..., ConversionReport]
AddOptions = Callable[[argparse.ArgumentParser], None]
KINDS: dict[str, tuple[Convert, AddOptions, str]] = {
    'utdmhad': (convert_utdmhad, add_raw, 'folder with Skeleton/ or Skeleton.zip'),
    'ntu60': (convert_ntu60, add_ntu, 'folder with .skeleton files or their archives'),
    'ntu120': (convert_ntu120, add_ntu, 'folder with .skeleton files or their archives'),
    'ctrgcn-npz': (convert_ctrgcn_npz, add_npz, 'NTU60_CS.npz or another of these files'),
    'pickle': (convert_pickle, add_pickle, '.pkl of MMAction2 or PYSKL'),
    'nwucla': (convert_nwucla, add_raw, 'all_sqe.zip, or a folder that holds it or its files'),
    'sysu': (convert_sysu, add_sysu, 'folder with SUBJECT/videoK/sklWorld.mat'),
    'custom': (convert_custom, add_custom, 'folder with a .npy or .csv per sample'),
    'export-pickle': (export_pickle, add_common, 'store; OUT is a .pkl for MMAction2'),
}


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    for kind, (convert, add_options, source_help) in KINDS.items():
        about = (convert.__doc__ or '').partition('\n')[0]
        command = commands.add_parser(kind, help=source_help, description=about)
        command.add_argument('source', help=source_help)
        command.add_argument('out', help='store to write (.safetensors)')
        add_options(command)
    return parser.parse_args(arguments)


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    options = {k: v for k, v in vars(parse_args(arguments)).items() if v is not None}
    kind = options.pop('kind')
    convert, _, _ = KINDS[kind]
    names = options.get('names')
    if names == ['index'] or names == ['known']:
        options['names'] = names[0]
    source, out = options.pop('source'), options.pop('out')
    try:
        print(convert(source, out, **options))
        print(checksum(Path(out)))
    except KeyboardInterrupt:
        then = 'begins again' if kind == 'export-pickle' else 'goes on where it was'
        print(f'\ninterrupted: the same command {then}', file=sys.stderr)
        raise SystemExit(130) from None


def checksum(out: Path) -> str:
    if out.suffix != '.pkl':
        return f'sha256 of the content: {SkeletonStore(out).checksum()}'
    with out.open('rb') as file:
        return f'sha256 of the file: {hashlib.file_digest(file, "sha256").hexdigest()}'


if __name__ == '__main__':
    main()
