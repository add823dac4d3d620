"""Run the commands of docs/results.md again and compare the numbers with the recorded ones.

Each result runs in a folder of its own, so that nothing measured earlier is taken for a new
number. What an earlier call has finished is not run again; one that was interrupted goes on.
"""

import argparse
import fnmatch
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.lock import locked
from mmcl_ext.fileio.read_json import read_json

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class RecordedNumber:
    """A number and where the commands leave it.

    Either ``pattern`` finds it in their output, or it is a mean in the table of an ablation.

    Args:
        title: What it is.
        value: What was measured.
        tolerance: Largest difference that counts as the same.
        pattern: Regular expression with one group; its last match in the output counts.
        command: In the output of which command the pattern looks, from 1; None for all.
        percent: Whether the pattern finds a percentage, ``value`` being a share.
        table: JSON table that ``tools/ablation.py`` writes.
        variant: Row of the table.
        metric: Column of the table.

    Raises:
        ValueError: The number can be found in no way, or in two.
    """

    title: str
    value: float
    tolerance: float = 0.0
    pattern: str | None = None
    command: int | None = None
    percent: bool = False
    table: str | None = None
    variant: str | None = None
    metric: str = 'acc/top1'

    def __post_init__(self) -> None:
        """Check that the number can be found in one way."""
        if (self.pattern is None) == (self.table is None or self.variant is None):
            raise ValueError(f'{self.title}: give either pattern, or table and variant')
        if self.pattern is not None and _groups(self.pattern) != 1:
            raise ValueError(f'{self.title}: {self.pattern!r} is no pattern with one group')
        for name in ('value', 'tolerance'):
            if type(getattr(self, name)) not in (int, float):
                raise ValueError(f'{self.title}: {name} {getattr(self, name)!r} is no number')

    def read(self, outputs: Sequence[str], folder: Path) -> float | None:
        """Find the number after the commands have run; None if it is not there.

        Args:
            outputs: What each command has printed.
            folder: Where they ran.
        """
        if self.pattern is not None:
            chosen = outputs if self.command is None else [outputs[self.command - 1]]
            found = re.findall(self.pattern, '\n'.join(chosen))
            return float(found[-1]) * (0.01 if self.percent else 1) if found else None
        path = folder / str(self.table)
        rows = read_json(path, dict)['rows'] if path.is_file() else []
        for row in rows:
            if row['variant'] == self.variant and self.metric in row['metrics']:
                return float(row['metrics'][self.metric]['mean'])
        return None

    def agrees(self, found: float | None) -> bool:
        """Tell whether a number that was found is the recorded one, within the tolerance."""
        return found is not None and abs(found - self.value) <= self.tolerance + 1e-9


@dataclass(frozen=True)
class RecordedResult:
    """Commands and the numbers that they give.

    Args:
        name: Short name, also of a folder.
        commands: Command lines as the page shows them.
        numbers: What they give.
        minutes: How long they take where they were measured.
        where: Hardware, commit and versions of the measurement.

    Raises:
        ValueError: There are no commands, or a number is of none of them.
    """

    name: str
    commands: tuple[str, ...]
    numbers: tuple[RecordedNumber, ...]
    minutes: float
    where: str

    def __post_init__(self) -> None:
        """Check that every number is of one of the commands."""
        if not self.commands:
            raise ValueError(f'{self.name} has no commands')
        for number in self.numbers:
            if number.command is not None and not 1 <= number.command <= len(self.commands):
                raise ValueError(
                    f'{self.name}: {number.title}: command {number.command} of {len(self.commands)}'
                )

    def rerun(self, root: Path, folder: Path) -> list[float | None]:
        """Run the commands, unless an earlier call has finished them, and read the numbers.

        They run in a folder of their own with links to all that lies in ``root`` but
        ``work_dirs``, so they may be the page's own and yet find no earlier results. After an
        interruption those that have ended well are left alone, and a training is resumed.

        Args:
            root: Folder of the source tree and of ``data``.
            folder: Folder to run in.

        Raises:
            RuntimeError: A command has failed.
            BlockingIOError: Another process works in the folder.
        """
        _link(root, folder)
        logs = [folder / f'{i:02}.log' for i in range(1, len(self.commands) + 1)]
        finished = folder / 'finished.txt'
        with locked(folder) as lock:
            done = _finished(finished, self.commands, logs)
            for i in range(done, len(self.commands)):
                _run(self.commands[i], logs[i], lock)
                finished.write_text(''.join(f'{c}\n' for c in self.commands[: i + 1]))
        outputs = [log.read_text(errors='replace') for log in logs]
        return [number.read(outputs, folder) for number in self.numbers]


def load_results(filename: str | os.PathLike) -> tuple[RecordedResult, ...]:
    """Read a list of recorded results.

    Args:
        filename: TOML file with a table ``[[result]]`` each, and ``[[result.number]]`` in them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such list.
    """
    path = Path(filename)
    if not path.is_file():
        raise FileNotFoundError(f'no recorded results at {path}')
    try:
        entries = tomllib.loads(path.read_text(encoding='utf-8')).get('result', [])
        results = tuple(_result(entry) for entry in entries)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error
    names = [result.name for result in results]
    if not names or len(set(names)) < len(names):
        raise ValueError(f'{path} has no results, or two of one name: {names}')
    return results


def verdicts(result: RecordedResult, found: Sequence[float | None]) -> list[str]:
    """Write one line a number: what was found and whether it is what was recorded.

    Args:
        result: The recorded result.
        found: What :meth:`RecordedResult.rerun` gave.
    """
    lines = []
    for number, value in zip(result.numbers, found, strict=True):
        verdict = 'same' if number.agrees(value) else 'DIFFERS' if value is not None else 'MISSING'
        shown = 'nothing' if value is None else f'{value:.4f}'
        limit = f' ± {number.tolerance:g}' * bool(number.tolerance)
        lines.append(
            f'{verdict:8} {result.name}: {number.title}: {shown}, recorded '
            f'{number.value:.4f}{limit}'
        )
    return lines


def _result(entry: Mapping[str, Any]) -> RecordedResult:
    numbers = tuple(RecordedNumber(**number) for number in entry['number'])
    if not re.fullmatch(r'[\w.-]+', entry['name']):
        raise ValueError(f'the name {entry["name"]!r} does not suit a folder')
    return RecordedResult(
        entry['name'], tuple(entry['commands']), numbers, entry['minutes'], entry['where']
    )


def _link(root: Path, folder: Path) -> None:
    """Make a folder that shows what is in the root, with work folders of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in root.resolve().iterdir():
        link = folder / path.name
        if path.name == 'work_dirs' or path.name.startswith('.') or link.is_symlink():
            continue
        link.symlink_to(path)


def _finished(path: Path, commands: Sequence[str], logs: Sequence[Path]) -> int:
    """Count the commands that an earlier call has finished, up to the first other one."""
    lines = path.read_text().splitlines() if path.is_file() else []
    pairs = zip(lines, commands, logs, strict=False)
    same = [line == command and log.is_file() for line, command, log in pairs]
    return (*same, False).index(False)


def _run(command: str, log_file: Path, lock: int) -> None:
    """Run a command line and copy what it prints to a log, which begins with the command."""
    heading = f'$ {command}\n'
    print(heading, end='', flush=True)
    begun = log_file.is_file() and log_file.read_text(errors='replace').startswith(heading)
    resumes = begun and 'tools/train.py' in command  # else it begins anew
    options: dict[str, Any] = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    options |= dict(errors='replace', cwd=log_file.parent, pass_fds=(lock,))
    with (
        log_file.open('a' if resumes else 'w', buffering=1) as log,
        subprocess.Popen(_words(command, resumes), **options) as child,
    ):
        if not resumes:
            log.write(heading)
        status = _copy_output(child, log)
    if status:
        raise RuntimeError(f'{command!r} ended with status {status}; see {log_file}')


def _words(command: str, resumes: bool) -> list[str]:
    """Split a command line; this Python takes the place of ``python``."""
    words = shlex.split(command)
    if words[0] == 'python':
        words[0] = sys.executable
    return words + ['--resume'] * (resumes and '--resume' not in words)


def _copy_output(child: subprocess.Popen, log: TextIO) -> int:
    """Show what a process prints and keep it; Ctrl-C ends the process, too."""
    try:
        for line in child.stdout or ():
            log.write(line)
            print(line, end='', flush=True)
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise


def _groups(pattern: str) -> int | None:
    """Count the groups of a regular expression; None if it is none."""
    try:
        return re.compile(pattern).groups
    except (re.error, TypeError):
        return None


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
        return verdicts(result, result.rerun(args.root, args.work_dir / result.name))
    except (RuntimeError, ValueError, OSError) as error:
        return [f'FAILED   {result.name}: {error}']


@one_line_errors()
def main() -> None:
    args = parse_args()
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
