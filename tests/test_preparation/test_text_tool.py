"""The text tool over two processes, killed and resumed, against an unbroken run."""

import json

import pytest
from text_models import save_blip, save_deepseek_vl, save_llava, write_composites
from tool_processes import ToolProcesses

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.preparation.text.extract_text_features import TEXT_SOURCES, extract_text_features

FILES = [
    'answer_probs.safetensors',
    'answers.jsonl',
    'hidden_states.safetensors',
    'token_ids.safetensors',
]


@pytest.fixture
def blip(tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    return save_blip(tmp_path / 'blip')


def command(repo, tmp_path, out, model, config='text_blip.py', batch=2):
    return [
        repo / 'tools/data/extract_text_features.py',
        repo / 'configs/preparation' / config,
        tmp_path / 'images',
        out,
        '--cfg-options',
        f'source.model={model}',
        f'batch_size={batch}',
        'chunk_size=2',
    ]


def unbroken(tmp_path, model, out, source_type='BlipVQA', batch=2):
    """One process, without the tool."""
    source = dict(
        type=source_type,
        model=str(model),
        outputs=('token_ids', 'hidden_states', 'answer_probs'),
        answers=('yes', 'no') if source_type == 'BlipVQA' else ('Yes', 'No'),
    )
    question = 'Whether the person are holding object?'
    cfg = dict(source=source, question=question, batch_size=batch, chunk_size=2)
    return extract_text_features(cfg, tmp_path / 'images', out, progress=False)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_killed_run_ends_like_an_unbroken_one(repo, tmp_path, blip):
    names = write_composites(tmp_path / 'images', 14)
    unbroken(tmp_path, blip, tmp_path / 'whole')
    line = command(repo, tmp_path, tmp_path / 'out', blip)
    with ToolProcesses(line) as run:
        run.kill_at(tmp_path / 'out/shards', 1)
    assert not (tmp_path / 'out/token_ids.safetensors').exists()
    there = len(list((tmp_path / 'out/shards').glob('0*.safetensors')))
    assert 1 <= there < 7
    with ToolProcesses(line) as run:
        statuses, outputs = run.wait()
    assert statuses == [0, 0], outputs
    last = outputs[0].splitlines()[-1]
    assert f'14 samples, {14 - 2 * there} extracted, {2 * there} were there, 0 skipped' in last
    assert f'{14 - 2 * there}/{14 - 2 * there} samples, ' in outputs[0]
    assert list(contents(tmp_path / 'out')) == FILES
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')
    file = FeatureFile(tmp_path / 'out/token_ids.safetensors')
    assert list(file.names) == names
    assert len({tuple(file.read(name)) for name in names}) > 1


@pytest.mark.slow
@pytest.mark.parametrize('batch', [1, 2])
def test_three_kills_on_fifty_composites(repo, tmp_path, blip, batch):
    names = write_composites(tmp_path / 'images', 50)
    unbroken(tmp_path, blip, tmp_path / 'whole', batch=batch)
    line = command(repo, tmp_path, tmp_path / 'out', blip, batch=batch)
    shards = tmp_path / 'out/shards'
    for number, ranks in ((3, None), (9, (1,)), (15, (0,))):
        with ToolProcesses(line) as run:
            run.kill_at(shards, number, ranks)
        assert not (tmp_path / 'out/token_ids.safetensors').exists()
    with ToolProcesses(line) as run:
        statuses, outputs = run.wait()
    assert statuses == [0, 0], outputs
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')
    assert list(FeatureFile(tmp_path / 'out/hidden_states.safetensors').names) == names


@pytest.mark.slow
@pytest.mark.parametrize('save', [save_llava, save_deepseek_vl])
def test_image_text_models_through_the_tool(repo, tmp_path, save, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    model = save(tmp_path / 'model')
    names = write_composites(tmp_path / 'images', 10)
    unbroken(tmp_path, model, tmp_path / 'whole', 'ImageTextVQA')
    line = command(repo, tmp_path, tmp_path / 'out', model, 'text_llava.py')
    with ToolProcesses(line) as run:
        run.kill_at(tmp_path / 'out/shards', 1)
    with ToolProcesses(line) as run:
        statuses, outputs = run.wait()
    assert statuses == [0, 0], outputs
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')
    lines = (tmp_path / 'out/answers.jsonl').read_text().splitlines()
    assert [json.loads(line)['name'] for line in lines] == names


@pytest.mark.slow
def test_unreadable_image_through_the_tool(repo, tmp_path, blip):
    write_composites(tmp_path / 'images', 6)
    (tmp_path / 'images/sample004.jpg').write_bytes(b'torn')
    line = command(repo, tmp_path, tmp_path / 'out', blip)
    with ToolProcesses(line, number=1) as run:
        statuses, outputs = run.wait()
    assert statuses == [1]
    assert (
        outputs[0]
        .splitlines()[-1]
        .startswith("error: rank 0: image of sample 'sample004' cannot be")
    )
    assert 'Traceback' not in outputs[0]
    with ToolProcesses([*line, '--on-error', 'skip'], number=1) as run:
        statuses, outputs = run.wait()
    assert statuses == [2]
    assert '6 samples, 1 extracted, 4 were there, 1 skipped' in outputs[0]


def test_sources_are_registered():
    TEXT_SOURCES.import_from_location()
    assert set(TEXT_SOURCES.module_dict) >= {'BlipVQA', 'ImageTextVQA', 'NpyFeatures'}
