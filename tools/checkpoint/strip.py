"""Write the skeleton-only part of checkpoints of a training."""

import argparse
import os
from pathlib import Path

from mmcl_ext.checkpoints.strip import strip_checkpoint
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.zoo import find_in_zoo


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint of a training')
    parser.add_argument(
        'target', nargs='?', help='file to write; SOURCE_skeleton.pth beside it by default'
    )
    return parser.parse_args()


@one_line_errors()
def main() -> None:
    args = parse_args()
    source = Path(find_in_zoo(args.source))
    target = Path(args.target or source.with_name(f'{source.stem}_skeleton.pth'))
    if target.exists() and target.samefile(source):
        raise ValueError(f'{target} would be overwritten: give another target')
    dropped = strip_checkpoint(source, target)
    before, after = (os.path.getsize(path) / 2**20 for path in (source, target))
    print(f'{target}: {after:.1f} MiB of {before:.1f}; {dropped} train-only entries left out')


if __name__ == '__main__':
    main()
