"""The command ``mmcl``: every file of ``tools`` is a sub-command, run as it is."""

import ast
import difflib
import runpy
import signal
import sys
from pathlib import Path

from mmcl_ext.fileio.shipped_folder import shipped_folder


def main() -> None:
    """Run the tool that the first argument names with the arguments after it."""
    tools = find_tools()
    name, *arguments = sys.argv[1:] or ['--help']
    if name in ('-h', '--help'):
        if hasattr(signal, 'SIGPIPE'):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a traceback
        print(describe(tools))
        return
    if name not in tools:
        near = difflib.get_close_matches(name, tools, 1)
        hint = f'did you mean {near[0]!r}?' if near else 'mmcl --help lists them'
        print(f'error: there is no command {name!r}; {hint}', file=sys.stderr)
        raise SystemExit(2)
    sys.argv = [f'mmcl {name}', *arguments]  # argparse takes the first as the command's name
    from mmcl_ext.config.launch import run_and_exit  # torch is not needed to list the commands

    run_and_exit(runpy.run_path(str(tools[name]))['main'])


def find_tools() -> dict[str, Path]:
    """Map the names of the sub-commands to the files of the tools, in the order of the names."""
    paths = shipped_folder('tools').rglob('*.py')
    return dict(sorted((path.stem.replace('_', '-'), path) for path in paths))


def describe(tools: dict[str, Path]) -> str:
    """List the sub-commands, a line for each with the first sentence of its tool."""
    width = max(map(len, tools))
    lines = []
    for name, path in tools.items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
        lines.append(f'  {name:{width}}  {text.splitlines()[0].partition(": ``")[0].rstrip(".")}')
    head = 'usage: mmcl COMMAND ...\n\nmmcl COMMAND --help describes a command.\n\ncommands:\n'
    return head + '\n'.join(lines)
