"""Make one composite image per sample: ``make_composites.py DATASET SOURCE STORE OUT``.

Composites that are there already are kept, so an interrupted run goes on where it was.
"""

import argparse
import os

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.preparation.composite_folder import ClipSource, CompositeFolder
from mmcl_ext.preparation.contact_sheet import write_contact_sheets
from mmcl_ext.preparation.depth import UTDDepthSource
from mmcl_ext.preparation.utd_video import UTDVideoSource


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='dataset', required=True)
    utd = commands.add_parser('utd-mhad')
    utd.add_argument('source', help='folder with Depth/, Depth.zip, RGB/ or RGB.zip of UTD-MHAD')
    utd.add_argument('store', help='annotation store made by convert.py')
    utd.add_argument('out', help='folder for the images')
    utd.add_argument('--modality', choices=('depth', 'rgb'), default='depth')
    utd.add_argument(
        '--depth-stride', type=int, default=1, help='files keep every n-th frame (official: 1)'
    )
    utd.add_argument('--padding', type=float, default=0.1, help='joint to body outline, metres')
    utd.add_argument('--tiles', type=int, default=5, help='frames per composite')
    utd.add_argument('--size', type=int, nargs=2, default=(480, 480), metavar=('W', 'H'))
    utd.add_argument('--margin', type=float, default=0.1, help='share of the box on each side')
    utd.add_argument('--rule', choices=('center', 'first'), default='center')
    utd.add_argument('--quality', type=int, default=95, help='JPEG quality')
    utd.add_argument('--jobs', type=int, default=min(os.cpu_count() or 1, 8), help='processes')
    utd.add_argument('--on-error', choices=('stop', 'skip'), default='stop')
    utd.add_argument('--contact-sheets', metavar='DIR', help='one overview picture per class')
    utd.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser.parse_args()


def clip_source(args: argparse.Namespace) -> ClipSource:
    if args.modality == 'depth':
        return UTDDepthSource(args.source, args.depth_stride, args.padding)
    return UTDVideoSource(args.source, args.padding)


def make_composites(args: argparse.Namespace) -> bool:
    """Run; return whether every sample has its composite."""
    store = SkeletonStore(args.store)
    folder = CompositeFolder(
        args.out,
        num_tiles=args.tiles,
        size=tuple(args.size),
        margin=args.margin,
        rule=args.rule,
        quality=args.quality,
    )
    report = folder.fill(
        clip_source(args),
        store,
        jobs=args.jobs,
        on_error=args.on_error,
        progress=not args.quiet,
    )
    print(report)
    if args.contact_sheets:
        sheets = write_contact_sheets(
            args.out, args.contact_sheets, store.names, store.labels, store.classes
        )
        print(f'{args.contact_sheets}: {len(sheets)} contact sheets')
    return report.complete


def main() -> None:
    try:
        complete = make_composites(parse_args())
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from error
    raise SystemExit(0 if complete else 2)


if __name__ == '__main__':
    main()
