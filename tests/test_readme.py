"""The numbers of the README are the recorded ones, and the paper's those of the page on it."""

import re
import tomllib
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
README = (REPO / 'README.md').read_text()
MEASURED = re.findall(r'^\|.*\| `([\w-]+)` \| (\d+\.\d\d) \|$', README, re.M)
PAPER = re.findall(r'^\| [\w-]+, \w+ streams \|.*\|$', README, re.M)


def test_measured_numbers_are_recorded() -> None:
    results = tomllib.loads((REPO / 'docs/results.toml').read_text())['result']
    recorded = {r['name']: {f'{100 * n["value"]:.2f}' for n in r['number']} for r in results}
    assert len(MEASURED) > 5
    assert [(name, value) for name, value in MEASURED if value not in recorded[name]] == []


def test_the_papers_numbers_are_those_of_its_page() -> None:
    assert len(PAPER) == 2
    page = (REPO / 'docs/paper.md').read_text()
    assert [row for row in PAPER if row not in page] == []


def test_python_comes_within_the_first_screen() -> None:
    assert README[: README.index('```python')].count('\n') < 30


def test_pictures_and_pages_are_there() -> None:
    links = re.findall(r'\]\((?!http)([\w./-]+)', README)
    assert any(link.endswith('.svg') for link in links)
    assert [link for link in links if not (REPO / link).exists()] == []


def test_the_pictures_are_those_of_the_script(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(REPO / 'docs')
    import draw_pictures

    for name, picture in draw_pictures.PICTURES.items():
        draw_pictures.draw(picture, tmp_path / name)
        assert (tmp_path / name).read_bytes() == (REPO / 'docs' / name).read_bytes()


def test_the_networks_are_counted() -> None:
    count = len(list((REPO / 'configs/_base_/models').glob('*.py'))) + 1  # PoseC3D has no base
    words = ('nine', 'ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen')
    assert f'| {words[count - 9]}: `configs/_base_/models` and PoseC3D |' in README
