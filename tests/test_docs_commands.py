"""The commands of the documentation name tools, options and configurations that exist.

Nothing is run: the tools' own parsers read the words, and configurations are looked up.
"""

import argparse
import functools
import importlib.util
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PAGES = [
    REPO / 'README.md',
    REPO / 'CONTRIBUTING.md',
    *sorted((REPO / '.github').rglob('*.md')),
    *sorted((REPO / 'docs').rglob('*.md')),
    *sorted((REPO / 'configs').rglob('README.md')),
    *sorted((REPO / 'zoo').glob('*.md')),
    REPO / 'docs/results.toml',
    REPO / 'dataset-index.yml',
]
LAUNCHERS = {
    'tools/dist_train.sh': ('tools/train.py', 0),
    'tools/dist_test.sh': ('tools/test.py', 0),
    'tools/slurm_train.sh': ('tools/train.py', 2),
    'tools/slurm_test.sh': ('tools/test.py', 2),
}
"""The tool that a script starts, and how many words of its own come before the tool's."""


def fenced(page: Path) -> str:
    """The shell blocks of a page; of a list of results or data sets, the commands."""
    text = page.read_text()
    if page.suffix == '.yml':
        return '\n'.join(re.findall(r'^  Command: (.+)$', text, re.M))
    if page.suffix == '.toml':
        return '\n'.join(c for r in tomllib.loads(text)['result'] for c in r.get('commands', []))
    return '\n'.join(
        re.findall(r'^\s*```(?:bash|sh|shell|console)\n(.*?)^\s*```', text, re.S | re.M)
    )


def words_of(line: str) -> list[str]:
    """Split a line at spaces; comments, redirections and what follows a pipe fall away."""
    words = shlex.split(line, comments=True)
    ends = [i for i, word in enumerate(words) if re.match(r'(\d?>|[|&;]|done$)', word)]
    return [word.rstrip(';') for word in words[: min(ends, default=len(words))]]


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each tool that a page starts, and the words it is given."""
    for line in fenced(page).replace('\\\n', ' ').splitlines():
        words = words_of(line) if re.search(r'(tools|benchmarks)/', line) else []
        for place, word in enumerate(words):
            if re.fullmatch(r'(tools|benchmarks)/[\w/]+\.(py|sh)', word):
                yield word, words[place + 1 :]
                break


FOUND = [
    pytest.param(tool, words, id=f'{page.relative_to(REPO)}-{tool}-{number}')
    for page in PAGES
    for number, (tool, words) in enumerate(commands(page))
]


@functools.cache
def load(tool: str) -> dict:
    spec = importlib.util.spec_from_file_location(f'documented_{Path(tool).stem}', REPO / tool)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


class Parsed(Exception):  # noqa: N818
    """The words were understood; nothing is to be run."""


def parse(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a tool's parser read the command line."""
    if 'parse_args' in load(tool):
        load(tool)['parse_args']()
        return
    read = argparse.ArgumentParser.parse_args

    def read_and_stop(parser: argparse.ArgumentParser, *args: object) -> None:
        read(parser, *args)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', read_and_stop)
    with pytest.raises(Parsed):
        load(tool)['main']()


def test_commands_are_found() -> None:
    tools = {parameters.values[0] for parameters in FOUND}
    assert len(FOUND) > 90
    # make demo starts the demo
    known = {str(path.relative_to(REPO)) for path in REPO.glob('tools/**/*.py')} - {'tools/demo.py'}
    assert known <= tools, f'no page shows a command with {sorted(known - tools)}'


@pytest.mark.parametrize(('tool', 'words'), FOUND)
def test_documented_command_is_understood(
    tool: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    if tool in LAUNCHERS:
        tool, own = LAUNCHERS[tool]
        words = [word for word in words[own:] if not word.isdecimal()]
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    try:
        parse(tool, monkeypatch)
    except SystemExit as stop:
        pytest.fail(f'{capsys.readouterr().err}, exit status {stop.code}')
    missing = [
        w for w in words if re.fullmatch(r'configs/[\w/.]+\.py', w) and not (REPO / w).exists()
    ]
    assert not missing
