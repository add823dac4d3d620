"""The commands of docs/evaluation.md: the options they name exist and go together."""

import re
import shlex
import sys

import pytest

from test_tools.test_ensemble import load_tool


def commands(page):
    blocks = re.findall(r'^```bash\n(.*?)^```', page, re.DOTALL | re.M)
    lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
    found = [shlex.split(line) for line in lines if 'python tools/' in line]
    return [(words[1].removeprefix('tools/'), words[2:]) for words in found]


def test_commands_are_understood(repo, monkeypatch):
    found = commands((repo / 'docs/evaluation.md').read_text())
    assert {tool for tool, _ in found} == {
        'test.py', 'train.py', 'ensemble.py', 'data/hold_out.py', 'analysis/compare.py',
        'analysis/confusion_matrix.py',
    }  # fmt: skip
    for tool, arguments in found:
        parse = load_tool(repo, tool).__globals__['parse_args']
        monkeypatch.setattr(sys, 'argv', [tool, *arguments])
        parse()  # a wrong option would end the process


def test_presets_are_listed(repo):
    from mmcl_ext.evaluation import PRESETS

    listed = set(
        re.findall(r'^\| `([a-z0-9-]+)` \|', (repo / 'docs/evaluation.md').read_text(), re.M)
    )
    assert set(PRESETS) <= listed


def test_python_block_runs(repo):
    if not (repo / 'work_dirs/demo/mmcl_ctrgcn_demo_seed1/predictions.pkl').is_file():
        pytest.skip('the demo has not been run')
    [block] = re.findall(
        r'^```python\n(.*?)^```', (repo / 'docs/evaluation.md').read_text(), re.DOTALL | re.M
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repo)
        exec(compile(block, 'docs/evaluation.md', 'exec'), {})
