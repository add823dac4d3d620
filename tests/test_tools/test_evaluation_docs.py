"""The commands of docs/evaluation.md: the options they name exist and go together."""

import re
import shlex
import sys

import numpy as np
from tool_module import load_tool

from mmcl_ext.evaluation.score_files import write_scores
from mmcl_ext.evaluation.scores import Scores


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
        monkeypatch.setattr(sys, 'argv', [tool, *arguments])
        load_tool(repo / 'tools' / tool).parse_args()  # a wrong option would end the process


def test_presets_are_listed(repo):
    from mmcl_ext.evaluation.weight_search import PRESETS

    listed = set(
        re.findall(r'^\| `([a-z0-9-]+)` \|', (repo / 'docs/evaluation.md').read_text(), re.M)
    )
    assert set(PRESETS) <= listed


def test_python_block_runs(repo, tmp_path, monkeypatch, capsys):
    """The page's lines on two score files that lie where the demo leaves them."""
    labels = np.array([0, 1, 2, 0])
    names = [f's{i}' for i in range(len(labels))]
    for method, rows in (('skeleton', [0, 1, 1, 1]), ('mmcl', [0, 2, 2, 1])):
        path = tmp_path / f'work_dirs/demo/{method}_ctrgcn_demo_seed1/predictions.pkl'
        path.parent.mkdir(parents=True)
        write_scores(path, Scores(names, 5 * np.eye(3)[rows], labels))
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(
        r'^```python\n(.*?)^```', (repo / 'docs/evaluation.md').read_text(), re.DOTALL | re.M
    )
    exec(compile(block, 'docs/evaluation.md', 'exec'), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '4 samples, 3 classes, 2 streams joined by sample name'
    assert 'weights: chosen by hand' in lines
    # Each is right in two samples; with weight 2 the first one decides wherever they differ.
    for weight, stream in ((2, 'skeleton'), (1, 'mmcl')):
        [row] = [line.split() for line in lines if f'  {stream}_ctrgcn_demo_seed1/' in line]
        assert (row[0], row[2]) == (str(weight), '50.00')
    fused = next(line.split() for line in lines if line.strip().startswith('fused '))
    assert fused[1] == '50.00'
