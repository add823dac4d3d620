"""Check a store, and composites or features against it; exit 1 when something is wrong."""

import argparse
import sys
from collections.abc import Iterable

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.datasets.validation.check_composites import check_composites
from mmcl_ext.datasets.validation.check_features import check_features
from mmcl_ext.datasets.validation.check_store import check_store
from mmcl_ext.datasets.validation.data_issue import KINDS, DataIssue
from mmcl_ext.fileio.printable import counted, name_list


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('store', help='annotation store (.safetensors)')
    parser.add_argument('--composites', help='folder with one image per sample')
    parser.add_argument('--suffix', default='.jpg', help='ending of the images')
    parser.add_argument('--features', nargs='+', default=[], help='files of text or image features')
    parser.add_argument(
        '--splits',
        nargs='+',
        help='samples that need an image and features: those of these splits; default: all',
    )
    parser.add_argument(
        '--ignore', nargs='+', default=[], choices=KINDS, help='kinds that are no fault here'
    )
    parser.add_argument('--num-shown', type=int, default=10, help='names shown of each finding')
    parser.add_argument('--threads', type=int, default=4, help='images read at a time')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser.parse_args()


def needed_names(store: SkeletonStore, splits: list[str] | None) -> list[str]:
    if splits is None:
        return list(store.names)
    positions = {int(i): None for split in splits for i in store.split(split)}
    return [store.names[i] for i in positions]


def report(title: str, findings: Iterable[DataIssue], args: argparse.Namespace) -> int:
    """Print the findings; return how many count."""
    kept = [finding for finding in findings if finding.kind not in args.ignore]
    print(f'{title}:' if kept else f'{title}: nothing wrong')
    for finding in kept:
        print(f'  {finding.describe(args.num_shown)}')
    return len(kept)


def check(args: argparse.Namespace) -> int:
    store = SkeletonStore(args.store)
    names, everyone = needed_names(store, args.splits), list(store.names)
    splits = [f'{name} {len(index)}' for name, index in store.splits.items()]
    sizes = name_list(splits, len(splits))
    classes = counted(len(store.classes), 'class', 'classes')
    title = f'{args.store} ({counted(len(store), "sample")}, {classes}; {sizes})'
    count = report(title, check_store(store, progress=not args.quiet), args)
    if args.composites:
        found = check_composites(
            args.composites,
            names,
            args.suffix,
            others=everyone,
            threads=args.threads,
            progress=not args.quiet,
        )
        count += report(f'{args.composites} (for {counted(len(names), "sample")})', found, args)
    for path in args.features:
        found = check_features(FeatureFile(path), names, others=everyone)
        count += report(f'{path} (for {counted(len(names), "sample")})', found, args)
    return count


@one_line_errors()
def main() -> None:
    args = parse_args()
    count = check(args)
    print(counted(count, 'finding') if count else 'all is well')
    sys.exit(1 if count else 0)


if __name__ == '__main__':
    main()
