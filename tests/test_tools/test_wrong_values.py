"""A wrong value of any option ends a tool in one line, without a traceback."""

import argparse
import warnings
from pathlib import Path

import pytest
from tool_module import load_tool, run_main

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
NO_INPUT = ('demo', 'make_demo_data', 'convert', 'web')  # nothing to read, or sub-commands
NAMES = sorted(
    str(path.relative_to(TOOLS)) for path in TOOLS.rglob('*.py') if path.stem not in NO_INPUT
)
WRONG = ('missing', 'empty', 'folder')


class ParserFound(Exception):  # noqa: N818
    """Carries a tool's parser out of its ``parse_args``."""


def parser_of(tool, monkeypatch):
    """Find the parser of a tool: the first that it asks to parse."""

    def capture(self, *args, **kwargs):
        raise ParserFound(self)

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', capture)
        patch.setattr('sys.argv', ['tool'])
        with pytest.raises(ParserFound) as found:
            tool.main()
    return found.value.args[0]


def required(parser, value):
    """The arguments that cannot be left out, each with the value."""
    words = []
    for action in parser._actions:
        if not action.option_strings and action.nargs not in ('?', '*'):
            words += [next(iter(action.choices)) if action.choices else value]
        elif action.option_strings and action.required:
            words += [action.option_strings[0], value]
    return words


def wrong_path(tmp_path, kind):
    path = tmp_path / f'{kind}.py'
    if kind == 'empty':
        path.touch()
    elif kind == 'folder':
        path.mkdir()
    return str(path)


@pytest.mark.parametrize('name', NAMES)
def test_inputs_that_are_no_files_of_the_tool(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('RANK', raising=False)
    tool = load_tool(TOOLS / name)
    parser = parser_of(tool, monkeypatch)
    for kind in WRONG:
        words = required(parser, wrong_path(tmp_path, kind))
        if not words:
            pytest.skip('nothing is required')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            status, _, error = run_main(tool, words, monkeypatch, capsys)
        assert status, f'{kind}: {words}'
        assert 'error: ' in error, f'{kind}: {error}'


@pytest.mark.parametrize('name', NAMES)
def test_options_that_are_no_numbers(name, monkeypatch, capsys):
    tool = load_tool(TOOLS / name)
    parser = parser_of(tool, monkeypatch)
    for action in parser._actions:
        if action.type in (int, float) or (action.choices and action.option_strings):
            number = action.nargs if isinstance(action.nargs, int) else 1
            words = [*required(parser, 'x'), action.option_strings[0], *['abc'] * number]
            status, _, error = run_main(tool, words, monkeypatch, capsys)
            assert status == 2
            assert 'abc' in error
