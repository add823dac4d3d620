"""A disk that runs full ends a tool in one line that names the user's file, and leaves nothing.

A limit of the size of a file stands for the disk: what writes meets the same kind of error.
"""

import re
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
from tool_inputs import write_tool_inputs
from tool_module import load_tool, run_main

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@contextmanager
def full_disk(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_tool_inputs(tmp_path_factory.mktemp('disk'))


CASES = {
    'strip': ('checkpoint/strip.py', 'epoch_1.pth out/a.pth'),
    'publish': ('checkpoint/publish.py', 'utd.py epoch_1.pth out/a.pth'),
    'publish safetensors': ('checkpoint/publish.py', 'utd.py epoch_1.pth out/a.safetensors'),
    'onnx': ('deploy/export.py', 'utd.py epoch_1.pth out/a.onnx'),
    'torchscript': ('deploy/export.py', 'utd.py epoch_1.pth out/a.ts --format torchscript'),
    'torch_export': ('deploy/export.py', 'utd.py epoch_1.pth out/a.pt2 --format torch_export'),
    'official': ('checkpoint/export_official.py', 'epoch_1.pth out/a.pt'),
    'convert': ('data/convert.py', 'custom clips out/a.safetensors --layout kinect_v1 --quiet'),
    'export-pickle': ('data/convert.py', 'export-pickle store.safetensors out/a.pkl'),
    'hold out': ('data/hold_out.py', 'store.safetensors out/a.safetensors --split xsub_train '
                 '--by hash'),
    'infer': ('infer.py', 'clips/c0.npy --model utd.py --checkpoint epoch_1.pth --out out '
              '--motion gif'),
    'boxes': ('data/detect_persons.py', 'boxes.py store.safetensors out/a.safetensors --quiet'),
    'demo data': ('data/make_demo_data.py', 'out --train-subjects 1 --test-subjects 1 '
                  '--repetitions 1 --jobs 1 --quiet'),
    'train': ('train.py', 'utd.py --work-dir out --cfg-options train_cfg.max_epochs=1'),
}  # fmt: skip


@pytest.mark.parametrize(
    'case', [pytest.param(c, marks=pytest.mark.slow if c == 'onnx' else ()) for c in CASES]
)
def test_one_line_and_no_leftover(case, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.delenv('RANK', raising=False)
    out = folder / 'out'
    out.mkdir(exist_ok=True)
    for left in out.iterdir():
        if left.is_file():
            left.unlink()
    name, words = CASES[case]
    tool = load_tool(TOOLS / name)
    with full_disk(2000 if case == 'boxes' else 20_000):
        status, _, error = run_main(tool, words.split(), monkeypatch, capsys)
    lines = [line for line in error.splitlines() if line.startswith('error: ')]
    assert status == 1, error
    assert len(lines) == 1, error
    assert 'File too large' in lines[0]
    assert re.search(r'\bout\b', lines[0])
    assert '.tmp' not in lines[0]
    assert 'Traceback' not in error
    assert not [path for path in out.rglob('*') if path.name.endswith('.tmp')]
