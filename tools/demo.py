"""Show co-learning at work on synthetic data: data, two trainings, a test, a table, a picture.

Nothing is downloaded. What an earlier run has finished is not done again.
"""

import argparse
import os
from pathlib import Path

from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.synthetic.demo import Demo
from mmcl_ext.synthetic.synthetic_data import SyntheticData

TOOLS = Path(__file__).resolve().parent
CONFIGS = TOOLS.parent / 'configs'
QUICK = {
    'train_cfg.max_epochs': 2,
    'train_dataloader.batch_size': 13,
    'param_scheduler': [],
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=1, help='random seed of the trainings')
    parser.add_argument('--data', help='folder of the data (data/demo)')
    parser.add_argument('--work-dir', help='folder of trainings and picture (work_dirs/demo)')
    parser.add_argument(
        '--backbone', choices=('ctrgcn', 'stgcn'), default='ctrgcn', help='skeleton network'
    )
    parser.add_argument(
        '--quick', action='store_true', help='tiny data, two epochs: does it run at all?'
    )
    parser.add_argument(
        '--jobs', type=int, default=min(os.cpu_count() or 1, 8), help='processes at a time'
    )
    return parser.parse_args()


@one_line_errors(wrong=())
def main() -> None:
    args = parse_args()
    name = 'demo_quick' if args.quick else 'demo'
    small = SyntheticData(train_subjects=2, test_subjects=1, repetitions=1)
    Demo(
        configs={
            'skeleton only': CONFIGS / f'skeleton/{args.backbone}_demo.py',
            'co-learning (MMCL)': CONFIGS / f'mmcl/{args.backbone}_demo.py',
        },
        tools=TOOLS,
        root=Path(args.data or f'data/{name}'),
        work_dir=Path(args.work_dir or f'work_dirs/{name}'),
        data=small if args.quick else SyntheticData(),
        seed=args.seed,
        options=QUICK if args.quick else {},
        jobs=args.jobs,
    ).run()


if __name__ == '__main__':
    run_and_exit(main)
