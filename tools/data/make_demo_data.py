"""Make the synthetic demo data: ``make_demo_data.py OUT``.

Skeletons, composite images and text features of people who do not exist. What is there already
is kept, so an interrupted run goes on where it was.
"""

import argparse
import os

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.write_synthetic_data import write_synthetic_data


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', nargs='?', default='data/demo', help='folder (data/demo)')
    default = SyntheticData()
    parser.add_argument('--seed', type=int, default=default.seed, help='random seed')
    for part in ('train', 'test'):
        number = getattr(default, f'{part}_subjects')
        text = f'persons of the {part} split'
        parser.add_argument(f'--{part}-subjects', type=int, default=number, help=text)
    parser.add_argument(
        '--repetitions', type=int, default=default.repetitions, help='of each action and person'
    )
    parser.add_argument(
        '--noise',
        type=finite_number,
        default=default.noise,
        help='errors of the sensor, 1 for a Kinect',
    )
    parser.add_argument(
        '--jobs', type=int, default=min(os.cpu_count() or 1, 8), help='processes that draw'
    )
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser.parse_args()


@one_line_errors()
def main() -> None:
    args = parse_args()
    data = SyntheticData(
        args.seed, args.train_subjects, args.test_subjects, args.repetitions, args.noise
    )
    write_synthetic_data(args.out, data, jobs=args.jobs, progress=not args.quiet)
    sizes = ', '.join(f'{len(names)} {split}' for split, names in data.splits.items())
    print(f'{args.out}: {len(data.classes)} classes, {sizes} samples; all synthetic')


if __name__ == '__main__':
    main()
