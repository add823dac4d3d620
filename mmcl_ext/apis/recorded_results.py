"""Numbers that a page states, and the commands that give them again."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RecordedNumber:
    """A number and where the commands leave it.

    Either ``pattern`` finds it in their output, or it is a mean in the table of an ablation.

    Args:
        title: What it is.
        value: What was measured.
        tolerance: Largest difference that counts as the same.
        pattern: Regular expression with one group; its last match in the output counts.
        table: JSON table that ``tools/ablation.py`` writes.
        variant: Row of the table.
        metric: Column of the table.
    """

    title: str
    value: float
    tolerance: float = 0.0
    pattern: str | None = None
    table: str | None = None
    variant: str | None = None
    metric: str = 'acc/top1'

    def __post_init__(self) -> None:
        """Check that the number can be found in one way."""
        if (self.pattern is None) == (self.table is None or self.variant is None):
            raise ValueError(f'{self.title}: give either pattern, or table and variant')

    def read(self, output: str, folder: Path) -> float | None:
        """Find the number after the commands have run; None if it is not there.

        Args:
            output: What the commands have printed.
            folder: Where they ran.
        """
        if self.pattern is not None:
            found = re.findall(self.pattern, output)
            return float(found[-1]) if found else None
        path = folder / str(self.table)
        rows = json.loads(path.read_text())['rows'] if path.is_file() else []
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
    """

    name: str
    commands: tuple[str, ...]
    numbers: tuple[RecordedNumber, ...]
    minutes: float
    where: str

    def rerun(self, root: Path, folder: Path) -> list[float | None]:
        """Run the commands, unless an earlier call has finished them, and read the numbers.

        They run in a folder of their own with links to all that lies in ``root`` but
        ``work_dirs``, so they may be the page's own and yet find no earlier results.

        Args:
            root: Folder of the source tree and of ``data``.
            folder: Folder to run in.

        Raises:
            RuntimeError: A command has failed.
        """
        _link(root, folder)
        done = folder / 'finished.txt'
        if not done.is_file() or done.read_text() != '\n'.join(self.commands):
            (folder / 'output.log').unlink(missing_ok=True)
            for command in self.commands:
                _run(command, folder)
            done.write_text('\n'.join(self.commands))
        output = (folder / 'output.log').read_text()
        return [number.read(output, folder) for number in self.numbers]


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


def compare(result: RecordedResult, found: Sequence[float | None]) -> list[str]:
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


def _run(command: str, folder: Path) -> None:
    """Run a command line and copy what it prints to a log."""
    print(f'$ {command}', flush=True)
    words = shlex.split(command)
    if words[0] == 'python':
        words[0] = sys.executable
    pipe = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with (
        (folder / 'output.log').open('a') as log,
        subprocess.Popen(words, cwd=folder, **pipe) as child,  # type: ignore[call-overload]
    ):
        try:
            for line in child.stdout or ():
                log.write(line)
                print(line, end='', flush=True)
            status = child.wait()
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise
    if status:
        raise RuntimeError(f'{command!r} ended with status {status}; see {log.name}')
