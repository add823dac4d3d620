"""The notebook is stored without outputs, and its cells run in their order."""

import json
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[1] / 'examples/first_tour.ipynb'
NOTEBOOK = json.loads(PATH.read_text())
CODE = [''.join(cell['source']) for cell in NOTEBOOK['cells'] if cell['cell_type'] == 'code']


def test_the_notebook_holds_code_and_no_outputs() -> None:
    assert NOTEBOOK['nbformat'] == 4
    assert len({cell['id'] for cell in NOTEBOOK['cells']}) == len(NOTEBOOK['cells'])
    for cell in NOTEBOOK['cells']:
        if cell['cell_type'] == 'code':
            assert (cell['outputs'], cell['execution_count']) == ([], None)
    for text in CODE:
        compile(text, PATH.name, 'exec')


@pytest.mark.slow
def test_the_cells_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for text in CODE:
        exec(compile(text, PATH.name, 'exec'), names)
    assert (tmp_path / 'tour/clip.png').stat().st_size > 10_000
    assert 'MMCLRecognizer around CTRGCN' in capfd.readouterr().out
