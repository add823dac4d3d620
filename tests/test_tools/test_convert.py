"""The converting command line, by the commands of the documentation."""

import importlib.util
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from tiny_data import write_tiny_store

from mmcl_ext.datasets import AnnotationPickle
from mmcl_ext.datasets.converters.ntu import NTU_PREPROCESSINGS
from mmcl_ext.datasets.store import SkeletonStore

COMMAND = 'python tools/data/convert.py '


@pytest.fixture(scope='module')
def convert(repo):
    spec = importlib.util.spec_from_file_location('convert', repo / 'tools/data/convert.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    init_default_scope('mmcl_ext')


def commands(page):
    lines = [line for block in re.findall(r'^```bash\n(.*?)^```', page, re.DOTALL | re.M)
             for line in block.replace('\\\n', ' ').splitlines()]  # fmt: skip
    return [shlex.split(line[len(COMMAND) :]) for line in lines if line.startswith(COMMAND)]


NO_WORKERS = [f'{k}_dataloader.{w}' for k in ('train', 'val', 'test')
              for w in ('num_workers=0', 'persistent_workers=False')]  # fmt: skip


SMALL = (
    "model['backbone'].update("
    'base_channels=16, num_stages=2, inflate_stages=(2,), down_stages=(2,))\n'
)
"""What tests add to the first configuration of a page: trainings in seconds."""


def run_line(repo, line, monkeypatch):
    """Run a command of a page in this process; return its exit status."""
    tool, *words = shlex.split(line.removeprefix('python '))
    if tool in ('tools/train.py', 'tools/test.py'):
        words += ['--cfg-options', *NO_WORKERS]
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    try:
        runpy.run_path(str(repo / tool), run_name='__main__')
    except SystemExit as stop:
        return stop.code
    return 0


def run_page(repo, name, monkeypatch):
    """Run the blocks of a page in their order, as a reader does; return commands that failed."""
    page = (repo / 'docs' / name).read_text()
    names: dict = {}
    status = {}
    for match in re.finditer(r'^```(python|bash)\n(.*?)^```', page, re.DOTALL | re.M):
        language, block = match.groups()
        if language == 'bash':
            status |= {line: run_line(repo, line, monkeypatch) for line in block.splitlines()}
        elif block.startswith('_base_'):
            file = re.findall(r'Save this as `(\w+\.py)`', page[: match.start()])[-1]
            Path(file).write_text(block + (SMALL if 'mmcl_ext::' in block else ''))
        else:
            exec(compile(block, name, 'exec'), names)
    return page, {line: code for line, code in status.items() if code}


def test_own_pages(repo, tmp_path, monkeypatch, capfd):
    """The page on own skeletons, and that on fine-tuning, which goes on from it."""
    page, failed = run_page(repo, 'datasets/custom.md', monkeypatch)
    assert failed == {'python tools/data/validate.py data/clips.safetensors --quiet': 1}
    out = capfd.readouterr().out
    [findings] = re.findall(r'^```text\n(.*?)^```', page, re.DOTALL | re.M)
    assert findings in out
    assert 'acc/top1' in out.rpartition('Epoch(test)')[2]
    assert {p.suffix for p in (tmp_path / 'work_dirs/browse').iterdir()} == {'.png', '.gif'}
    store = SkeletonStore('data/clips.safetensors')
    assert (len(store), store.classes, store.layout) == (7, ('kick', 'wave'), 'stick-figure')
    np.testing.assert_allclose(store.keypoint(6)[0, 1, 1], (0.1, 1.6, 3))
    page, failed = run_page(repo, 'fine_tuning.md', monkeypatch)
    assert failed == {}
    lines = [
        line for line in capfd.readouterr().out.splitlines() if 'of the weights loaded' in line
    ]
    [promised] = re.findall(r'^```text\n(.*?)\n```', page, re.DOTALL | re.M)
    assert promised in lines[0]
    assert 'not loaded: cls_head.fc.weight' in lines[1]
    assert lines[2].count('source=work_dirs/clips/epoch_1.pth') == 1
    assert '100.0%' in lines[3]
    assert 'not loaded: backbone.' in lines[4]
    assert len(lines) == 5


def test_units_page(repo, monkeypatch):
    _, failed = run_page(repo, 'datasets/units.md', monkeypatch)
    assert failed == {}
    head = SkeletonStore('data/metres.safetensors').keypoint(0)[0, 0, 1]
    np.testing.assert_allclose(head, (0, 1.6, 0), atol=0.1)


def test_pyskl_page(repo, convert, tmp_path, capsys):
    write_tiny_store(tmp_path / 'made.safetensors')
    convert(['export-pickle', 'made.safetensors', 'ntu60_3d.pkl'])
    for command in commands((repo / 'docs/datasets/pyskl.md').read_text()):
        convert(command)
    made, back = (AnnotationPickle(name) for name in ('ntu60_3d.pkl', 'back.pkl'))
    assert made.names == back.names
    assert made.splits.keys() == back.splits.keys()
    for i in range(len(made)):
        np.testing.assert_array_equal(made.keypoint(i), back.keypoint(i))
    checksum = SkeletonStore('data/ntu60/ntu60.safetensors').checksum()
    assert f'sha256 of the content: {checksum}' in capsys.readouterr().out


def test_ntu_page(repo, convert, shared, tmp_path):
    shutil.copytree(shared / 'datasets/ntu_sample', 'raw')
    page = commands((repo / 'docs/datasets/ntu.md').read_text())
    for command in page[:2]:
        convert([*command, '--quiet'])
    for path in ('data/ntu60/ntu60.safetensors', 'data/ntu120/ntu120.safetensors'):
        assert list(SkeletonStore(path).names) == ['S001C001P001R001A001', 'S001C003P008R002A058']
    assert page[2][0] == 'ctrgcn-npz'
    checksums = set()
    for preprocessing in NTU_PREPROCESSINGS:
        options = ['--preprocessing', preprocessing, '--no-translate', '--second-body', 'copy']
        convert(['ntu60', 'raw', 'o', *options, '--dtype', 'float32', '--quiet'])
        checksums.add(SkeletonStore('o').checksum())
        assert SkeletonStore('o').num_persons.tolist() == [2, 2]
    # The same bodies; only the layouts differ.
    assert len(checksums) == 2


def test_nwucla_page(repo, convert, shared, tmp_path, capsys):
    (tmp_path / 'raw').symlink_to(shared / 'datasets/nw_ucla')
    page = (repo / 'docs/datasets/nw_ucla.md').read_text()
    [command] = commands(page)
    convert([*command, '--quiet'])
    report, *_ = re.findall(r'^```text\n(.*?)^```', page, re.DOTALL | re.M)

    def timeless(text):
        return re.sub(r'[\d.]+ s$', '', text, flags=re.M).strip()

    assert timeless(capsys.readouterr().out) == timeless(report)


def test_arrays(convert, tmp_path):
    x = np.zeros((2, 4, 150), np.float32)
    x[:, :3, :75] = 1
    np.savez('a.npz', x_train=x, y_train=np.eye(60)[:2], x_test=x[:1], y_test=np.eye(60)[:1])
    convert(['ctrgcn-npz', 'a.npz', 'o', '--names', 'index', '--quiet'])
    assert list(SkeletonStore('o').names) == ['train_0', 'train_1', 'test_0']
    with pytest.raises(SystemExit, match=r'error: .*no known benchmark'):
        convert(['ctrgcn-npz', 'a.npz', 'o', '--quiet'])


def test_errors_are_one_line(convert, tmp_path):
    with pytest.raises(SystemExit, match='error: neither a folder nor an archive: nowhere'):
        convert(['nwucla', 'nowhere', 'o'])
    with pytest.raises(SystemExit, match=r'error: no file SUBJECT/videoK/sklWorld.mat in nowhere'):
        convert(['sysu', 'nowhere', 'o'])
    with pytest.raises(SystemExit) as stop:
        convert(['other', 'a', 'b'])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'cannot read names.txt'),
        (b' \n\n', 'names.txt holds no names'),
        ('wave\n'.encode('utf-16'), 'cannot read names.txt: names.txt: '),
    ],
)
def test_a_useless_list_of_classes_is_named(convert, tmp_path, capsys, text, message):
    if text is not None:
        (tmp_path / 'names.txt').write_bytes(text)
    with pytest.raises(SystemExit) as stop:
        convert(['pickle', 'a.pkl', 'o', '--classes', 'names.txt'])
    assert stop.value.code == 2
    assert f'error: argument --classes: {message}' in capsys.readouterr().err


def test_the_mark_of_windows_is_no_part_of_a_class(convert, tmp_path):
    np.save(tmp_path / 'c0.npy', np.ones((1, 9, 20, 3)))
    (tmp_path / 'labels.csv').write_text('name,label\nc0,wave\n', 'utf-8-sig')
    (tmp_path / 'names.txt').write_text('wave\nkick\n', 'utf-8-sig')
    convert(['custom', '.', 'o', '--layout', 'kinect_v1', '--classes', 'names.txt'])
    assert SkeletonStore('o').classes == ('wave', 'kick')


def test_every_kind_explains_itself(convert, capsys):
    with pytest.raises(SystemExit):
        convert(['--help'])
    kinds = re.findall(r'^ {4}([a-z0-9-]+)(?: |$)', capsys.readouterr().out, re.M)
    assert len(kinds) == 9
    for kind in kinds:
        with pytest.raises(SystemExit) as stop:
            convert([kind, '--help'])
        assert stop.value.code == 0
        assert 'source' in capsys.readouterr().out
