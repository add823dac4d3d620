import re
from pathlib import Path

import pytest

from mmcl_ext.datasets import transforms


def test_snippets_run(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (repo / 'docs' / 'data.md').read_text()
    snippets = re.findall(r'^```python\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    assert len(snippets) == 7
    names: dict = {}
    for snippet in snippets:  # they build on one another, as a reader runs them
        exec(compile(snippet, 'docs/data.md', 'exec'), names)


def test_every_transform_is_listed(repo: Path) -> None:
    text = (repo / 'docs' / 'data.md').read_text()
    for name in (name for name in vars(transforms) if name[0].isupper()):
        assert f'| `{name}(' in text
