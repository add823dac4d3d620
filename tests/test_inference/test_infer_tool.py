"""The command line of the inferencer, its pictures, and overlays over videos."""

import json
import os
import pickle
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.fileio.file_name import file_name
from mmcl_ext.inference import MMCLInferencer
from mmcl_ext.preparation.videos.video import iter_frames
from mmcl_ext.visualization.overlay import overlay_frames, write_overlay

REPO = Path(__file__).resolve().parents[2]


def infer(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
    runpy.run_path(str(REPO / 'tools/infer.py'))['main']()


def test_table_json_and_pictures(utd, inferencer, walk, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / 'walk.npy', walk)
    np.save(tmp_path / 'nobody.npy', 0 * walk)
    out = tmp_path / 'out'
    files = (tmp_path / 'walk.npy', tmp_path / 'nobody.npy')
    options = ('--model', utd['published'], '--out', out, '--top-k', 2, '--motion', 'gif')
    with pytest.raises(SystemExit) as exit_info:
        infer(monkeypatch, *files, *options)
    assert exit_info.value.code == 1
    rows = capsys.readouterr().out.splitlines()
    expected = inferencer(walk)[0]
    (first, p), (second, q) = expected.top(2)
    assert rows[0].split() == ['walk', first, f'{p:.3f},', second, f'{q:.3f}']
    assert 'error: ' in rows[1]
    assert 'nobody is in it' in rows[1]
    content = json.loads((out / 'predictions.json').read_text())
    assert content['complete'] is True
    assert content['model']['recipe']['license'] == 'none'
    good, bad = content['results']
    np.testing.assert_allclose(good['pred_score'], expected.pred_score, rtol=1e-6)
    assert good['top'][0]['label_name'] == first
    assert 'nobody' in bad['error']
    assert sorted(path.name for path in out.iterdir()) == [
        *('predictions.json', 'walk.gif', 'walk.png')
    ]
    assert np.ptp(np.asarray(Image.open(out / 'walk.png'))) > 100
    assert Image.open(out / 'walk.gif').n_frames > 5


def test_fewer_pictures(utd, walk, tmp_path, monkeypatch):
    names = [tmp_path / f'{i}' / 'clip.npy' for i in range(3)]
    for i, name in enumerate(names):
        name.parent.mkdir()
        np.save(name, walk + i)
    out = tmp_path / 'out'
    infer(monkeypatch, *names, '--model', utd['published'], '--out', out, '--pictures', 2)
    assert {path.name for path in out.glob('*.png')} == {'clip.png', 'clip_2.png'}
    assert len(json.loads((out / 'predictions.json').read_text())['results']) == 3


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt at once; what tests ran before may have left its own handler."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures('interruptible')
def test_an_interrupt_keeps_the_results_so_far(utd, walk, tmp_path, monkeypatch, capsys):
    for i in range(3):
        np.save(tmp_path / f'clip{i}.npy', walk + i)
    predict = MMCLInferencer._predict

    def predict_two(self, batch, text=None):
        if batch[0][0].name == 'clip2':
            signal.raise_signal(signal.SIGINT)  # Ctrl-C
        return predict(self, batch, text)

    monkeypatch.setattr(MMCLInferencer, '_predict', predict_two)
    files = [tmp_path / f'clip{i}.npy' for i in range(3)]
    out = tmp_path / 'out'
    options = ('--model', utd['published'], '--batch-size', 1, '--pictures', 0)
    with pytest.raises(KeyboardInterrupt):
        infer(monkeypatch, *files, *options, '--out', out)
    content = json.loads((out / 'predictions.json').read_text())
    assert content['complete'] is False
    assert [result['name'] for result in content['results']] == ['clip0', 'clip1']
    assert capsys.readouterr().out.endswith(f'2 results in {out / "predictions.json"}\n')
    before = (out / 'predictions.json').read_bytes()
    with pytest.raises(KeyboardInterrupt):  # before the first result: an older file stays
        infer(monkeypatch, files[2], *options, '--out', out)
    assert (out / 'predictions.json').read_bytes() == before


def test_an_error_at_last_keeps_the_results(utd, walk, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    for name in ('a', 'b'):
        np.save(tmp_path / f'{name}.npy', walk)
    (out / 'b.png').mkdir(parents=True)  # in the way of the second picture
    with pytest.raises(SystemExit, match=r'error: .*b\.png'):
        infer(
            monkeypatch,
            *(tmp_path / 'a.npy', tmp_path / 'b.npy', '--model', utd['published'], '--out', out),
        )
    results = json.loads((out / 'predictions.json').read_text())['results']
    assert [result['name'] for result in results] == ['a', 'b']


def test_unreadable_files_among_good_ones(utd, real_files, walk, tmp_path, monkeypatch, capsys):
    """Files that are cut short, empty or of another kind are reported; the others are predicted."""
    np.save(tmp_path / 'good.npy', walk)
    bad = []
    for source in (real_files['mat'], real_files['ucla'], real_files['one'], utd['published']):
        content = source.read_bytes()
        for size in (0, 100, len(content) // 2):
            bad.append(tmp_path / f'{size}_{source.name}')
            bad[-1].write_bytes(content[:size])
    whole = (tmp_path / 'good.npy').read_bytes()
    for name, content in (
        ('cut.npy', whole[: len(whole) // 2]),
        ('empty.csv', b''),
        ('words.csv', b'a,b\n1,2\n'),
        ('cut.pkl', pickle.dumps([dict(keypoint=walk)])[:500]),
        ('cut.safetensors', b'\xff' * 100),
        ('binary.json', bytes(range(256))),
    ):
        bad.append(tmp_path / name)
        bad[-1].write_bytes(content)
    files = [tmp_path / 'good.npy', *bad, tmp_path / 'absent.npy', tmp_path / 'good.npy']
    out = tmp_path / 'out'
    with pytest.raises(SystemExit) as exit_info:
        infer(
            monkeypatch,
            *(*files, '--model', utd['published'], '--out', out, '--pictures', 0),
        )
    assert exit_info.value.code == 1
    results = json.loads((out / 'predictions.json').read_text())['results']
    good, last = results[0], results[-1]
    assert good == last
    assert 'error' not in good
    failed = results[1:-1]
    assert len(failed) == len(bad) + 1
    assert all(result['error'] for result in failed)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((), 'arguments are required: --model'),
        (('--model', 'm.pth', '--top-k', '0'), '--top-k must be positive, got 0'),
        (('y.npy', '--model', 'm.pth', '--video', 'v.mp4', '--out', 'o'), 'one INPUT and --out'),
        (('--model', 'm.pth', '--video', 'v.mp4', '--out', 'o'), "there is no video 'v.mp4'"),
    ],
)
def test_bad_arguments(arguments, message, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        infer(monkeypatch, 'x.npy', *arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--model', 'absent.pth'), "there is no checkpoint 'absent.pth'"),
        (('--model', 'absent.onnx'), "there is no exported model 'absent.onnx'"),
        (('--model', 'text.pth'), 'text.pth is not a readable checkpoint'),
        (('--model', 'text.onnx'), 'text.onnx: damaged, or not what it should be'),
        (('--model', 'text.ts'), 'text.ts is not a readable model'),
        (('--model', 'text.pt2'), 'text.pt2 is not a readable model'),
        (('--model', 'text.py'), "'text.py' is a configuration: give its checkpoint, too"),
        (('--model', 'text.pth', '--checkpoint', 'x.pth'), 'goes with a configuration'),
        (('--model', 'text.onnx', '--device', 'cuda:0'), 'to run as exported, without device'),
        (('--model', 'text.ts', '--optimize'), 'to run as exported, without optimize'),
        (('--model', 'text.pth', '--device', 'abacus'), "device 'abacus' cannot be used: "),
    ],
)
def test_unusable_models(arguments, message, monkeypatch, tmp_path):
    """One line, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    for suffix in ('pth', 'onnx', 'ts', 'pt2', 'py'):
        Path(f'text.{suffix}').write_text('text = 1\n')
    with pytest.raises(SystemExit, match=re.escape(message)) as caught:
        infer(monkeypatch, 'x.npy', '--out', 'out', *arguments)
    assert str(caught.value).startswith('error: ')
    assert not Path('out').exists()


def test_the_folder_for_results_is_a_file(utd, walk, monkeypatch, tmp_path, capsys):
    np.save(tmp_path / 'walk.npy', walk)
    with pytest.raises(SystemExit, match=r'error: .*walk\.npy'):
        infer(
            monkeypatch,
            *(tmp_path / 'walk.npy', '--model', utd['published'], '--out', tmp_path / 'walk.npy'),
        )
    assert not capsys.readouterr().out  # before the first prediction


def test_file_names():
    taken = set()
    assert file_name('a/b: c', taken) == 'a_b_c'
    assert file_name('a_b_c', taken) == 'a_b_c_2'
    assert file_name('../..', taken) == 'clip'


@pytest.fixture
def video(tmp_path):
    path = tmp_path / 'black.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 20, (320, 240))
    for _ in range(5):
        writer.write(np.zeros((240, 320, 3), np.uint8))
    writer.release()
    return path


def test_overlay(video, tmp_path):
    """Bones appear where the joints are, the scores' bar is as long as the probability."""
    keypoint = np.zeros((1, 3, 17, 2), 'f4')
    keypoint[0, :, 5], keypoint[0, :, 7] = (200, 150), (260, 150)  # left shoulder to elbow
    images = (image[..., ::-1] for _, image in iter_frames(video))
    frames = list(overlay_frames(images, keypoint, 'coco', lambda t: [('a', 0.5)]))
    assert len(frames) == 5
    assert frames[0].shape == (240, 320, 3)
    np.testing.assert_array_equal(frames[1][150, 230], (0xC4, 0x4E, 0x52))  # left is red
    assert not frames[1][180:].any()
    assert not frames[3][100:].any()  # no skeleton any more
    blue = (frames[3] == (76, 114, 176)).all(axis=-1).any(axis=0)
    width = min(14 * 13, 320)
    assert np.flatnonzero(blue).max() == pytest.approx(width / 2, abs=1)
    out = tmp_path / 'overlay.mp4'
    write_overlay(out, video, keypoint, 'coco', lambda t: [('a', 0.5)])
    assert cv2.VideoCapture(str(out)).get(cv2.CAP_PROP_FPS) == pytest.approx(20)
    assert len(list(iter_frames(out))) == 5


def test_overlay_refuses(video, tmp_path):
    with pytest.raises(ValueError, match='an overlay takes joints'):
        write_overlay(tmp_path / 'o.mp4', video, np.ones((1, 3, 17, 3)), 'coco', lambda t: [])
    with pytest.raises(FileNotFoundError, match='there is no video'):
        write_overlay(tmp_path / 'o.mp4', 'absent.mp4', np.ones((1, 3, 17, 2)), 'coco', list)
    (tmp_path / 'text.mp4').write_text('no video')
    keypoint = np.ones((1, 3, 17, 2))
    with pytest.raises(ValueError, match='not a readable video'):
        write_overlay(tmp_path / 'o.mp4', tmp_path / 'text.mp4', keypoint, 'coco', lambda t: [])
    assert not (tmp_path / 'o.mp4').exists()


OWN_NET = """
from mmcl_ext.models import CTRGCN
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class OwnNet(CTRGCN):
    pass
"""


def test_network_of_ones_own(utd, inferencer, walk, tmp_path, monkeypatch):
    """A published file names its class; the tool imports the module that it is told."""
    package = tmp_path / 'own_nets'
    package.mkdir()
    (package / 'net.py').write_text(OWN_NET)
    monkeypatch.syspath_prepend(tmp_path)
    cfg = Config.fromfile(utd['config'])
    cfg.custom_imports = dict(imports=['own_nets.net'], allow_failed_imports=False)
    cfg.model.backbone.type = 'OwnNet'
    cfg.dump(tmp_path / 'own.py')
    published = publish(tmp_path / 'own.py', utd['checkpoint'], tmp_path / 'own', {}).path
    np.save(tmp_path / 'walk.npy', walk)
    line = [sys.executable, REPO / 'tools/infer.py', tmp_path / 'walk.npy', '--model', published]
    line += ['--import', 'own_nets.net', '--out', tmp_path / 'out', '--pictures', '0']
    environ = os.environ | dict(PYTHONPATH=f'{tmp_path}:{REPO}')
    done = subprocess.run(line, capture_output=True, text=True, env=environ, timeout=240)
    assert (done.returncode, done.stderr) == (0, '')
    [result] = json.loads((tmp_path / 'out/predictions.json').read_text())['results']
    np.testing.assert_allclose(result['pred_score'], inferencer(walk)[0].pred_score, rtol=1e-5)


@pytest.mark.parametrize('name', ['no_nets', 'no_nets.net', 'mmcl_ext.no_net'])
def test_module_that_is_not_there(utd, tmp_path, monkeypatch, name):
    with pytest.raises(SystemExit, match=rf"^error: --import: there is no module '{name}'"):
        infer(monkeypatch, 'walk.npy', '--model', utd['published'], '--import', name)


def test_module_that_lacks_something(utd, tmp_path, monkeypatch):
    (tmp_path / 'lacking.py').write_text('import no_such_thing')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit, match=r"^error: No module named 'no_such_thing'"):
        infer(monkeypatch, 'walk.npy', '--model', utd['published'], '--import', 'lacking')
