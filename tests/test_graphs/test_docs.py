import re

from mmcl_ext.graphs import layouts


def test_snippets_of_the_documentation_run(repo, monkeypatch):
    monkeypatch.setattr(layouts, '_LAYOUTS', dict(layouts._LAYOUTS))
    text = (repo / 'docs' / 'graphs.md').read_text()
    snippets = re.findall(r'^```python\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    assert snippets
    names: dict = {}
    for snippet in snippets:  # they build on one another, as a reader runs them
        exec(compile(snippet, 'docs/graphs.md', 'exec'), names)


def test_every_layout_is_listed(repo):
    text = (repo / 'docs' / 'graphs.md').read_text()
    for name in layouts.layout_names():
        layout = layouts.get_layout(name)
        assert f'| `{name}` | {layout.num_joints}' in text
