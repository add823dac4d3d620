"""Convert a raw data set to an annotation store: ``convert.py DATASET SOURCE OUT``."""

import argparse
from collections.abc import Callable

from mmcl_ext.datasets.converters import ConversionReport, convert_utd_mhad

CONVERTERS: dict[str, tuple[Callable[..., ConversionReport], str]] = {
    'utd-mhad': (convert_utd_mhad, 'folder with Skeleton/ or Skeleton.zip of UTD-MHAD'),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='dataset', required=True)
    for name, (_, source_help) in CONVERTERS.items():
        command = commands.add_parser(name)
        command.add_argument('source', help=source_help)
        command.add_argument('out', help='store to write (.safetensors)')
        command.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    convert, _ = CONVERTERS[args.dataset]
    try:
        print(convert(args.source, args.out, progress=not args.quiet))
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
