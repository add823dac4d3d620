"""Train and test the variants of an ablation with several seeds, and write one table.

The same command goes on after an interruption; what is finished is not done again unless its
configuration has changed.
"""

import argparse
import os
from pathlib import Path

from mmcl_ext.ablation.campaign import Campaign
from mmcl_ext.ablation.declaration import load_ablation, select
from mmcl_ext.ablation.environment import describe_environment, job_environments
from mmcl_ext.ablation.run import Launch, Run, reuse, take
from mmcl_ext.ablation.table import render, summarize, write_summary
from mmcl_ext.ablation.try_build import try_build
from mmcl_ext.config.command_line import add_cfg_options
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors

TOOLS = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ablation', help='declaration, such as configs/ablations/lambda_demo.py')
    parser.add_argument('--seeds', type=int, nargs='+', default=[1], help='random seeds (1)')
    parser.add_argument(
        '--work-dir', default='work_dirs/ablations', help='folder of the runs and tables'
    )
    parser.add_argument('--only', nargs='+', metavar='VARIANT', help='these variants alone')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument('--processes', type=int, default=1, help='processes (GPUs) of a training')
    parser.add_argument('--validate', action='store_true', help='validate while training, too')
    parser.add_argument(
        '--reuse',
        nargs='+',
        default=[],
        metavar='DIR',
        help='work folders of trainings that have ended, taken where configuration and seed fit',
    )
    parser.add_argument(
        '--take',
        nargs='+',
        default=[],
        metavar='VARIANT:SEED=DIR',
        help='take these trainings, even if their configuration differs; the table tells it',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='list the runs, and build each model'
    )
    parser.add_argument('--table', action='store_true', help='print the table of what is there')
    add_cfg_options(parser, 'settings to override in all variants, key=value')
    args = parser.parse_args()
    if args.jobs < 1 or args.processes < 1:
        parser.error('--jobs and --processes are at least 1')
    return args


@one_line_errors()
def main() -> None:
    args = parse_args()
    declared = load_ablation(args.ablation)
    launch = Launch(TOOLS, args.processes, args.validate)
    root = Path(args.work_dir)
    runs = [
        Run(variant, seed, root / 'runs', launch, args.cfg_options)
        for variant in select(declared, args.only)
        for seed in dict.fromkeys(args.seeds)
    ]
    if args.dry_run:
        print('\n'.join(run.describe() for run in runs))
        print('\n'.join([*try_build(runs), 'all variants were checked']))
        return
    if args.table:
        print(render(summarize(declared, runs)))
        return
    for line in (*reuse(runs, args.reuse), *(take(runs, t) for t in args.take)):
        print(line)

    def write() -> None:
        write_summary(summarize(declared, runs), root / declared.name)

    campaign = Campaign(
        runs,
        launch,
        logs=root / 'prepare',
        where=describe_environment(TOOLS),
        jobs=args.jobs,
        environments=job_environments(args.jobs, args.processes),
        on_change=write,
    )
    try:
        failures = campaign.execute()
    except KeyboardInterrupt:
        print(f'\nInterrupted. The same command goes on; finished runs are in {root}.')
        raise
    write()
    print(render(summarize(declared, runs)))
    print(f'{os.fspath(root / declared.name)}.md, .csv, .json')
    raise SystemExit(1 if failures else 0)


if __name__ == '__main__':
    run_and_exit(main)
