"""The tool over two processes, killed and resumed, against an unbroken run."""

import pytest
from detector_models import save_yolos
from test_person_boxes_detectors import write_video
from tool_module import load_tool, run_main
from tool_processes import ToolProcesses

from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    return save_yolos(tmp_path / 'model', seed=2)


def command(repo, tmp_path, out, model):
    return [
        repo / 'tools/data/detect_persons.py',
        repo / 'configs/preparation/boxes_transformers.py',
        tmp_path / 'videos',
        out,
        '--cfg-options',
        f'source.model={model}',
        'source.max_persons=1',
        'source.threshold=0.2',
        'batch_size=2',
        'chunk_size=2',
    ]


def unbroken(tmp_path, model, out):
    """One process, without the tool."""
    source = dict(type='TransformersPersonBoxes', model=str(model), threshold=0.2, max_persons=1)
    cfg = dict(source=source, batch_size=2, chunk_size=2)
    return detect_persons(cfg, tmp_path / 'videos', out, progress=False)


@pytest.mark.slow
def test_killed_run_ends_like_an_unbroken_one(repo, tmp_path, model):
    for number in range(11):
        write_video(tmp_path / f'videos/v{number:02d}_rgb.avi', 6 + number)
    whole = unbroken(tmp_path, model, tmp_path / 'whole')
    line = command(repo, tmp_path, tmp_path / 'out', model)
    shards = tmp_path / 'out.shards'
    with ToolProcesses(line) as run:
        run.kill_at(shards, 1)
    assert not (tmp_path / 'out').exists()
    there = [int(path.stem) for path in shards.glob('0*.safetensors')]
    present = sum(1 if chunk == 5 else 2 for chunk in there)
    assert 0 < present < 11
    with ToolProcesses(line) as run:
        statuses, outputs = run.wait()
    assert statuses == [0, 0], outputs
    last = outputs[0].splitlines()[-1]
    assert f'11 samples, {11 - present} boxed, {present} were there, 0 skipped; 55 boxes' in last
    assert f'no person in {whole.count.without_person} frames' in last
    assert f'{11 - present}/{11 - present} samples, ' in outputs[0]
    assert 'Traceback' not in outputs[0] + outputs[1]
    assert (tmp_path / 'out').read_bytes() == (tmp_path / 'whole').read_bytes()
    assert not shards.exists()
    assert BoxFile(tmp_path / 'out').names == tuple(f'v{number:02d}' for number in range(11))


def test_bad_input_is_one_line(repo, tmp_path, monkeypatch, capsys):
    tool = load_tool(repo / 'tools/data/detect_persons.py')
    config = repo / 'configs/preparation/boxes_ntu_skeleton.py'
    (tmp_path / 'empty').mkdir()
    for arguments, message in (
        ((config, tmp_path / 'none', tmp_path / 'out'), 'neither a folder nor an archive'),
        ((config, tmp_path / 'empty', tmp_path / 'out'), 'has no *.skeleton'),
        ((tmp_path / 'no.py', tmp_path, tmp_path / 'out'), 'no.py'),
        ((config, tmp_path, tmp_path / 'out', '--store', tmp_path / 'x'), 'no skeleton store'),
        ((config, tmp_path, tmp_path / 'out', '--split', 'x'), '--split needs --store'),
    ):
        status, output, error = run_main(tool, arguments, monkeypatch, capsys)
        assert (status, output) == (1, '')
        assert error.startswith('error: ')
        assert message in error
        assert error.count('\n') == 1
    assert [path.name for path in tmp_path.iterdir()] == ['empty']


@pytest.mark.slow
def test_unreadable_video_through_the_tool(repo, tmp_path, model):
    for number in range(3):
        write_video(tmp_path / f'videos/v{number}.avi')
    (tmp_path / 'videos/v1.avi').write_bytes(b'torn')
    line = command(repo, tmp_path, tmp_path / 'out', model)
    with ToolProcesses(line, number=1) as run:
        statuses, outputs = run.wait()
    assert statuses == [1]
    assert outputs[0].splitlines()[-1].startswith('error: ')
    assert 'v1.avi' in outputs[0]
    with ToolProcesses([*line, '--on-error', 'skip'], number=1) as run:
        statuses, outputs = run.wait()
    assert statuses == [2]
    assert '1 skipped; 10 boxes' in outputs[0]
