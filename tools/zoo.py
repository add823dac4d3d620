"""List the models of the zoo, check an entry, or add one."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from mmcl_ext.checkpoints.zoo_entry import (
    MAX_MODELS,
    add_entry,
    check_files,
    differing_metrics,
    run_test,
)
from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.zoo import PREFIX, ZooModel, load_zoo, zoo_folder


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--folder', type=Path, help='folder of the zoo (that of the package)')
    parser.add_argument('--root', default='.', type=Path, help='source tree with data (.)')
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('list', help='names, numbers and licences')
    check = commands.add_parser('check', help='check files and cards, and measure again')
    check.add_argument('names', nargs='*', metavar='NAME', help='models (all)')
    check.add_argument('--files-only', action='store_true', help='leave the tests out')
    check.add_argument(
        '--tolerance', type=finite_number, default=0.1, help='largest difference in points (0.1)'
    )
    add = commands.add_parser('add', help='publish a checkpoint, test it, write card and entry')
    add.add_argument('name', help='its name in the zoo')
    add.add_argument('config', help='configuration of its training, configs/...')
    add.add_argument('checkpoint', help='checkpoint, whole or stripped')
    add.add_argument('--store', required=True, help='store to test on')
    add.add_argument('--split', required=True, help='its split')
    add.add_argument('--license', required=True, help='terms of use of the weights')
    add.add_argument('--commit', help='commit of the source that the training ran with')
    add_safe_config(add)
    for command in (check, add):
        command.add_argument(
            '--work-dir', default='work_dirs/zoo', type=Path, help='logs of the tests'
        )
    return parser.parse_args()


def check(args: argparse.Namespace) -> None:
    models = load_zoo(args.folder)
    unknown = sorted(set(args.names) - set(models))
    if unknown:
        raise ValueError(f'the zoo has no {unknown}; there are {", ".join(models)}')
    names = args.names or list(models)
    problems = {name: list(problems_of(models[name], args)) for name in names}
    if len(models) > MAX_MODELS:
        problems['the list'] = [f'{len(models)} models, at most {MAX_MODELS} are allowed']
    for name, found in problems.items():
        print('\n'.join(f'WRONG  {name}: {problem}' for problem in found) or f'good   {name}')
    raise SystemExit(1 if any(problems.values()) else 0)


def problems_of(model: ZooModel, args: argparse.Namespace) -> Iterator[str]:
    wrong = list(check_files(model, args.root))
    yield from wrong
    if wrong or args.files_only:
        return
    try:
        found = run_test(model, args.root, args.work_dir / model.name)
        yield from differing_metrics(model, found, args.tolerance)
    except (OSError, ValueError, RuntimeError) as error:
        yield str(error)


def add(args: argparse.Namespace) -> None:
    recipe = dict(license=args.license) | (dict(commit=args.commit) if args.commit else {})
    args.work_dir.mkdir(parents=True, exist_ok=True)
    model = add_entry(
        args.folder or zoo_folder(),
        args.name,
        args.config,
        args.checkpoint,
        recipe,
        test_on=(args.store, args.split),
        root=args.root,
        work_dir=args.work_dir,
    )
    metrics = ', '.join(f'{key} {value:.2f}' for key, value in model.metrics.items())
    print(f'{model.weights}: {model.weights.stat().st_size / 2**20:.2f} MiB; {metrics}')


def show(args: argparse.Namespace) -> None:
    for model in load_zoo(args.folder).values():
        metrics = ', '.join(f'{key} {value:.2f}' for key, value in model.metrics.items())
        print(f'{PREFIX}{model.name}: {metrics}; {model.config}; {model.license}')


@one_line_errors(RuntimeError)
def main() -> None:
    args = parse_args()
    {'list': show, 'check': check, 'add': add}[args.command](args)


if __name__ == '__main__':
    run_and_exit(main)
