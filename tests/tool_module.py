"""Load a tool as a module: its command line runs without a new process."""

import argparse
import importlib.util
import sys


def load_tool(path):
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_main(module, arguments, monkeypatch, capsys):
    """Run a tool's ``main``: exit status, standard output and error, as a shell sees them."""
    monkeypatch.setattr(sys, 'argv', [f'{module.__name__}.py', *map(str, arguments)])
    status = 0
    try:
        module.main()
    except SystemExit as end:
        status = end.code or 0
    output, error = capsys.readouterr()
    if isinstance(status, str):
        return 1, output, f'{error}{status}\n'
    return status, output, error


class ParserFound(Exception):  # noqa: N818
    """Carries a tool's parser out of its ``parse_args``."""


def parsers_of(tool, monkeypatch):
    """Yield the sub-command (or nothing) and the parser of each command line of a tool."""

    def capture(self, *args, **kwargs):
        raise ParserFound(self)

    with monkeypatch.context() as patch:
        for name in ('parse_args', 'parse_intermixed_args'):
            patch.setattr(argparse.ArgumentParser, name, capture)
        patch.setattr('sys.argv', ['tool'])
        try:
            tool.main()
        except ParserFound as found:
            parser = found.args[0]
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield [], parser
    for group in groups:
        for name, command in group.choices.items():
            yield [name], command
