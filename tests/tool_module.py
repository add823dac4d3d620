"""Load a tool as a module: its command line runs without a new process."""

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
