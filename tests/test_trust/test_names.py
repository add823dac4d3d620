"""Names of samples, classes, splits and joints stay on one line, in one folder, and as they are."""

import ast
import csv
import pickle
import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_data import tiny_samples
from tool_module import load_tool, run_main

from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.validation.data_issue import DataIssue
from mmcl_ext.fileio.file_name import sample_file
from mmcl_ext.fileio.image import decode_image

REPO = Path(__file__).resolve().parents[2]
EVIL = '\x1b[2Jforged\nall is well\r$\\frac{$'
NAMES = [f'{place}{EVIL}{i}' for i, place in enumerate(('', '../../', '/tmp/', 'a/b/', '..\\'))]
CLASSES = [f'<script>{EVIL}{i}' for i in range(3)]


@pytest.fixture
def store(tmp_path):
    samples = [dict(s, name=n) for s, n in zip(tiny_samples(len(NAMES)), NAMES, strict=True)]
    path = tmp_path / 'in/evil.safetensors'
    splits = {f'train{EVIL}': NAMES[:3], 'val': NAMES[3:]}
    write_store(path, samples, layout='nturgb+d', classes=CLASSES, splits=splits)
    return path


def write_scores(path, names, values):
    items = zip(names, values, strict=True)
    content = [
        dict(pred_score=score, gt_label=i % 3, sample_name=name)
        for i, (name, score) in enumerate(items)
    ]
    path.write_bytes(pickle.dumps(content))


def run(name, words, tmp_path, monkeypatch, capsys):
    """Run a tool below ``out``; what it prints is returned."""
    folder = tmp_path / 'deep/deeper/out'
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder)
    before = set(tmp_path.rglob('*'))
    status, output, error = run_main(load_tool(REPO / 'tools' / name), words, monkeypatch, capsys)
    strays = set(tmp_path.rglob('*')) - before - set(folder.rglob('*'))
    assert not strays
    text = output + error
    assert '\x1b' not in text
    assert '\r' not in text
    assert not re.search(r'^(all is well|forged)', text, re.M)
    return status, text


def test_pages_of_samples(store, tmp_path, monkeypatch, capsys):
    words = [store, '--motion', 'none', '--draws', 0, '--out-dir', '.', '--num', 5]
    status, text = run('analysis/browse_dataset.py', words, tmp_path, monkeypatch, capsys)
    assert status == 0
    assert len(list(Path().glob('*.png'))) == len(NAMES)
    words += ['--composites', tmp_path / 'in']
    status, text = run('analysis/browse_dataset.py', words, tmp_path, monkeypatch, capsys)
    assert (status, 'cannot be that of a file' in text) == (1, True)


def test_checks_and_subsets(store, tmp_path, monkeypatch, capsys):
    images = tmp_path / 'in/images'
    images.mkdir()
    words = [store, '--quiet', '--composites', images]
    status, text = run('data/validate.py', words, tmp_path, monkeypatch, capsys)
    assert (status, 'no image' in text) == (1, True)
    words = [store, 'held.safetensors', '--split', f'train{EVIL}', '--by', 'hash']
    status, text = run('data/hold_out.py', words, tmp_path, monkeypatch, capsys)
    assert status == 0
    status, text = run(
        'data/convert.py',
        ['export-pickle', store, 'a.pkl', '--quiet'],
        tmp_path,
        monkeypatch,
        capsys,
    )
    assert status == 0
    words = ['pickle', 'a.pkl', 'b.safetensors', '--quiet', '--processes', 1]
    status, text = run('data/convert.py', words, tmp_path, monkeypatch, capsys)
    assert status == 0
    assert list(SkeletonStore('b.safetensors').names) == NAMES


def test_reports_of_scores(store, tmp_path, monkeypatch, capsys):
    values = np.random.default_rng(0).normal(size=(len(NAMES), 3))
    files = [tmp_path / 'in/a.pkl', tmp_path / 'in/b.pkl']
    for file, scores in zip(files, (values, -values), strict=True):
        write_scores(file, NAMES, scores)
    words = [*files, '--store', store, '--out-dir', '.', '--resamples', 10]
    status, text = run('analysis/compare.py', words, tmp_path, monkeypatch, capsys)
    assert status == 0
    with open('changed_samples.csv', newline='') as file:
        rows = list(csv.reader(file))[1:]
    assert {row[0] for row in rows} <= set(NAMES)
    words = [files[0], '--store', store, '--out', 'c.png', '--csv', 'c.csv']
    status, text = run('analysis/confusion_matrix.py', words, tmp_path, monkeypatch, capsys)
    assert status == 0
    status, text = run('ensemble.py', files, tmp_path, monkeypatch, capsys)
    assert status == 0
    write_scores(files[1], [f'{EVIL}{i}' for i in range(len(NAMES))], values)
    status, text = run('ensemble.py', files, tmp_path, monkeypatch, capsys)
    assert (status, 'error: ' in text) == (1, True)


def test_composites(store, tmp_path, monkeypatch, capsys):
    videos = tmp_path / 'in/videos'
    videos.mkdir()
    size = (64, 48)
    writer = cv2.VideoWriter(str(videos / 'a.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, size)
    for _ in range(5):
        writer.write(np.zeros((*size[::-1], 3), np.uint8))
    writer.release()
    words = ['videos', videos, '.', '--store', store, '--jobs', 1]
    monkeypatch.delenv('RANK', raising=False)
    status, text = run('data/make_composites.py', words, tmp_path, monkeypatch, capsys)
    assert (status, 'cannot be that of a file' in text) == (1, True)


def test_findings_are_bounded():
    text = DataIssue('missing', 'no image', (EVIL * 10**5, 'b')).describe(1)
    assert text.isprintable()
    assert len(text) < 300
    assert text.endswith(' and 1 more')


def test_pixels_are_counted_before_they_are_decoded():
    def chunk(kind, data):
        total = kind + data
        return struct.pack('>I', len(data)) + total + struct.pack('>I', zlib.crc32(total))

    header = struct.pack('>IIBBBBB', 40000, 30000, 8, 0, 0, 0, 0)
    data = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(b'0'))
    with pytest.raises(ValueError, match='1200000000 pixels'):
        decode_image(data)
    assert decode_image(b'') is None
    assert decode_image(cv2.imencode('.jpg', np.zeros((4, 6, 3), np.uint8))[1]).shape == (4, 6, 3)


@pytest.mark.parametrize('name', ['../a', '/a', 'a/../../b', '', 'a\nb', '\x1b'])
def test_files_of_samples_stay_in_their_folder(name):
    with pytest.raises(ValueError, match='cannot be that of a file'):
        sample_file('images', name, '.jpg')
    assert sample_file('images', 'a/b.c', '.jpg') == Path('images/a/b.c.jpg')


SOURCES = sorted(
    path
    for folder in ('mmcl_ext', 'tools')
    for path in (REPO / folder).rglob('*.py')
    if path.name != 'file_name.py'
)
GIVEN = re.compile(r'\b(sample|clip|item|frame_dir|label|class|joint|split)(s|es|_name)?\b|^name$')
"""What a file of somebody else names."""
KNOWN = {
    'shipped_configs.py', 'metainfo/__init__.py',  # names of what ships
    'archive_file.py', 'rerun_results.py', 'name_table.py', 'mmdet_boxes.py', 'resumable_parts.py',
    'shipped_folder.py', 'composite.py',  # a number before a name that file_name has made

}  # fmt: skip


def path_parts(tree):
    """Yield the texts that are joined to a path: ``folder / f'{name}.jpg'``, ``Path(a, name)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield node.right
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ('Path', 'os.path.join'):
            yield from node.args


@pytest.mark.parametrize('folder', ['mmcl_ext', 'tools'])
def test_paths_are_made_of_names_in_one_place(folder):
    found = []
    for path in SOURCES:
        if path.relative_to(REPO).parts[0] != folder or any(
            path.as_posix().endswith(known) for known in KNOWN
        ):
            continue
        for part in path_parts(ast.parse(path.read_text())):
            if not isinstance(part, ast.JoinedStr):
                continue
            for value in ast.walk(part):
                if isinstance(value, ast.FormattedValue):
                    text = re.sub(r'file_name\(.*\)', '', ast.unparse(value.value))
                    if GIVEN.search(text):
                        found.append(f'{path.relative_to(REPO)}: {ast.unparse(part)}')
    assert not found
