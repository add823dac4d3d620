"""The API reference shows every module of the package, on the page of its room."""

import re
import runpy
from pathlib import Path

from test_architecture import PACKAGE, ROOMS, modules


def test_every_room_has_its_page(repo: Path) -> None:
    pages = runpy.run_path(str(repo / 'docs' / 'api_pages.py'))['api_pages'](repo / PACKAGE)
    rooms = {room.split('.')[0] for room in ROOMS} - {'__main__', 'version'}
    assert set(pages) == rooms | {'index'}
    assert set(pages['index'].split('\n\n')[-1].split()) == rooms | {'```'}
    assert 'api/index' in (repo / 'docs' / 'index.md').read_text()
    shown = {
        name: room
        for room in rooms
        for name in re.findall(rf'automodule:: {PACKAGE}\.(\S+)', pages[room])
    }
    expected = {name for name in modules(repo) if name.split('.')[0] in rooms}
    assert shown == {name: name.split('.')[0] for name in expected}


def test_a_page_has_one_title(repo: Path) -> None:
    pages = runpy.run_path(str(repo / 'docs' / 'api_pages.py'))['api_pages'](repo / PACKAGE)
    for name, text in pages.items():
        titles = [line for line in text.splitlines() if line.startswith('# ')]
        assert titles == ['# API reference' if name == 'index' else f'# {PACKAGE}.{name}']
