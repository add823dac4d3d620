"""Run the commands of docs/results.md again and compare the numbers with the recorded ones.

Each result runs in a folder of its own, so that nothing measured earlier is taken for a new
number. What an earlier call has finished is not run again; one that was interrupted goes on.
"""

import argparse
import fnmatch
from pathlib import Path

from mmcl_ext.ablation.recorded_results import RecordedResult, compare, load_results
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', help='results to run again (all); patterns, too')
    parser.add_argument('--results', default=ROOT / 'docs' / 'results.toml', help='their list')
    parser.add_argument('--root', default='.', type=Path, help='source tree with data (.)')
    parser.add_argument('--work-dir', default='work_dirs/rerun', type=Path, help='where they run')
    parser.add_argument('--list', action='store_true', help='list them and how long they take')
    return parser.parse_args()


def choose(results: tuple[RecordedResult, ...], names: list[str]) -> list[RecordedResult]:
    known = [result.name for result in results]
    found = {name: fnmatch.filter(known, name) for name in names or ['*']}
    unknown = [name for name, fitting in found.items() if not fitting]
    if unknown:
        raise SystemExit(f'error: no results {unknown}, only {known}')
    chosen = {name for fitting in found.values() for name in fitting}
    return [result for result in results if result.name in chosen]


def rerun(result: RecordedResult, args: argparse.Namespace) -> list[str]:
    try:
        return compare(result, result.rerun(args.root, args.work_dir / result.name))
    except (RuntimeError, ValueError, OSError) as error:
        return [f'FAILED   {result.name}: {error}']


def main() -> None:
    args = parse_args()
    with one_line_errors():
        chosen = choose(load_results(args.results), args.names)
    if args.list:
        for result in chosen:
            print(f'{result.name} ({result.minutes:g} min; {result.where})')
            print(''.join(f'    {command}\n' for command in result.commands), end='')
        return
    lines = [line for result in chosen for line in rerun(result, args)]
    print('\n'.join(lines))
    raise SystemExit(0 if all(line.startswith('same') for line in lines) else 1)


if __name__ == '__main__':
    run_and_exit(main)
