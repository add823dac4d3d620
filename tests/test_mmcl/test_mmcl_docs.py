import inspect
import re
from pathlib import Path

import pytest

import mmcl_ext.mmcl as package


def page(repo: Path) -> str:
    return (repo / 'docs' / 'mmcl.md').read_text()


def test_snippets_run(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks with an ellipsis are templates, those with a base are configurations."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r'```python\n(.*?)```', page(repo), re.DOTALL)
    whole = [block for block in blocks if '...' not in block and '_base_' not in block]
    assert len(whole) >= 1
    for block in whole:
        exec(compile(block, 'docs/mmcl.md', 'exec'), {})


def test_defaults_in_the_table_hold(repo: Path) -> None:
    lines = page(repo).partition('| part | argument |')[2].partition('\n\n')[0].splitlines()
    checked, name = 0, ''
    for line in lines[2:]:
        part, arguments, defaults = (cell.strip() for cell in line.split('|')[1:4])
        name = part.strip('`') or name
        parameters = inspect.signature(getattr(package, name)).parameters
        for argument, text in zip(arguments.split(', '), defaults.split(', '), strict=False):
            if re.fullmatch(r"None|True|False|[\d.]+|`'\w+'`", text):
                default = parameters[argument.strip('`')].default
                assert str(default) == text.strip("`'"), (name, argument)
                checked += 1
    assert checked >= 12
