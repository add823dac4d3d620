"""Models by name: ``zoo:NAME`` in every tool, the check of an entry, and what it refuses."""

import hashlib
import math
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from tool_inputs import write_tool_inputs
from tool_module import load_tool, run_main

from mmcl_ext import MMCLInferencer, get_model
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.model_card import model_card, named_metrics
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.checkpoints.zoo_entry import (
    MAX_BYTES,
    MAX_MODELS,
    check_files,
    differing_metrics,
    write_list,
)
from mmcl_ext.fileio.zoo import INDEX, VARIABLE, find_in_zoo, load_zoo

REPO = Path(__file__).resolve().parents[2]
TOOLS = REPO / 'tools'
SHIPPED = load_zoo(REPO / 'zoo')
ADD = (
    'add tiny configs/utd.py epoch_1.pth --store store.safetensors --split xsub_test --license none'
)


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """A source tree with data and a zoo of one model, made by the tool."""
    root = write_tool_inputs(tmp_path_factory.mktemp('tree'))
    (root / 'configs').mkdir()
    (root / 'utd.py').rename(root / 'configs/utd.py')
    (root / 'tools').symlink_to(TOOLS)
    (root / 'dataset-index.yml').symlink_to(REPO / 'dataset-index.yml')
    (root / 'zoo').mkdir()
    (root / 'zoo' / INDEX).write_text('# a comment\nModels:\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr('sys.argv', ['zoo.py', '--folder', 'zoo', *ADD.split()])
        load_tool(TOOLS / 'zoo.py').main()
    return root


@pytest.fixture
def copy(tree, tmp_path, monkeypatch):
    """A copy to do damage to, whose folder is the zoo of this process."""
    root = tmp_path / 'copy'
    shutil.copytree(tree, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv(VARIABLE, str(root / 'zoo'))
    return root


def check(monkeypatch, capsys, *options):
    words = ['--folder', 'zoo', 'check', *options]
    return run_main(load_tool(TOOLS / 'zoo.py'), words, monkeypatch, capsys)


def edit(root, **changes):
    """Change fields of the listed entry."""
    path = root / 'zoo' / INDEX
    [entry] = yaml.safe_load(path.read_text())['Models']
    write_list(path, [entry | changes])


def test_an_entry_that_the_tool_has_made(copy, monkeypatch, capsys):
    [model] = load_zoo().values()
    assert (copy / 'zoo' / INDEX).read_text().startswith('# a comment\n')
    assert model.name == 'tiny'
    assert model.weights.name == f'tiny-{model.sha256[:8]}.safetensors'
    assert set(model.metrics) == {'Top 1 Accuracy', 'Top 5 Accuracy', 'Mean Class Accuracy'}
    status, output, _ = check(monkeypatch, capsys, '--files-only')
    assert (status, output) == (0, 'good   tiny\n')
    status, output, _ = run_main(load_tool(TOOLS / 'zoo.py'), ['list'], monkeypatch, capsys)
    assert f'zoo:tiny: Top 1 Accuracy {model.metrics["Top 1 Accuracy"]:.2f}, ' in output
    front = yaml.safe_load(model.card.read_text().split('---\n')[1])
    [result] = front['model-index'][0]['results']
    assert {item['name']: item['value'] for item in result['metrics']} == model.metrics
    assert result['dataset'] == dict(name='store', type='store', split='xsub_test')


def republish_with(root, metrics):
    """Let file, list and card agree on other numbers."""
    model = load_zoo()['tiny']
    new = publish(model.weights, None, root / 'zoo/tiny.safetensors', {'metrics': metrics})
    model.card.write_text(model_card(new.info, 'zoo:tiny', new.sha256, model.test))
    results = [dict(Metrics=named_metrics(new.info))]
    edit(root, Weights=new.path.name, SHA256=new.sha256, Results=results)


def test_numbers_are_compared(copy):
    model = load_zoo()['tiny']
    found = dict(model.metrics)
    assert list(differing_metrics(model, found, 0.1)) == []
    found['Top 1 Accuracy'] += 0.2
    del found['Top 5 Accuracy']
    wrong = list(differing_metrics(model, found, 0.1))
    listed = model.metrics['Top 1 Accuracy']
    assert wrong[0] == f'Top 1 Accuracy: {listed + 0.2:.2f}, listed is {listed:.2f}'
    assert wrong[1].startswith('Top 5 Accuracy: the test does not print it')
    assert (
        list(differing_metrics(model, dict(model.metrics) | {'Top 1 Accuracy': listed + 0.2}, 0.3))
        == []
    )
    assert list(differing_metrics(model, dict(model.metrics) | {'Top 1 Accuracy': math.nan}, 0.3))


@pytest.mark.slow
def test_a_wrong_figure_is_found_by_measuring(copy, monkeypatch, capsys):
    before = load_zoo()['tiny'].metrics
    wrong = before['Top 1 Accuracy'] + 0.2
    metrics = dict(zip(('top1', 'top5', 'mean1'), before.values(), strict=True)) | dict(top1=wrong)
    republish_with(copy, metrics | dict(kappa=0.5))
    status, output, _ = check(monkeypatch, capsys)
    assert status == 1
    assert output.splitlines() == [
        f'WRONG  tiny: Top 1 Accuracy: {wrong - 0.2:.2f}, listed is {wrong:.2f}',
        'WRONG  tiny: kappa: the test does not print it, listed is 0.50',
    ]


def damage_file(root):
    path = load_zoo()['tiny'].weights
    path.write_bytes(path.read_bytes()[:-1] + b'\0')


def another_file(root):
    content = load_deployed(load_zoo()['tiny'].weights)[0].state_dict()
    path = load_zoo()['tiny'].weights
    torch.save(content, path)
    edit(root, SHA256=hashlib.sha256(path.read_bytes()).hexdigest())


DAMAGE = {
    'hash': (damage_file, 'has the SHA-256 .* listed is .* damaged or another file'),
    'missing': (lambda root: load_zoo()['tiny'].weights.unlink(), 'there is no .*tiny-'),
    'no published file': (another_file, 'no safetensors file'),
    'no card': (lambda root: (root / 'zoo/tiny.md').unlink(), 'there is no card'),
    'card': (lambda root: (root / 'zoo/tiny.md').write_text('# zoo:tiny'), "does not have 'python"),
    'config': (lambda root: edit(root, Config='configs/no.py'), 'no configuration configs/no.py'),
    'license': (lambda root: edit(root, License='MIT'), "license listed is 'MIT', .* file 'none'"),
    'listed figure': (
        lambda root: edit(root, Results=[dict(Metrics={'Top 1 Accuracy': 99.0})]),
        r"the metrics listed are \{'Top 1 Accuracy': 99.0\}, those of the file differ",
    ),
}


@pytest.mark.parametrize('kind', DAMAGE)
def test_damage_is_named(kind, copy, monkeypatch, capsys):
    harm, message = DAMAGE[kind]
    harm(copy)
    status, output, error = check(monkeypatch, capsys, '--files-only')
    assert status == 1
    assert not error
    assert all(line.startswith('WRONG  tiny: ') for line in output.splitlines())
    assert re.search(message, output), output


@pytest.mark.parametrize(
    'command',
    [
        'rm -rf store.safetensors',
        'python tools/test.py zoo:tiny --store a --split b; true',
        'python tools/test.py zoo:other --store store.safetensors --split xsub_test',
        'python tools/test.py zoo:tiny --store a --split b --import os',
    ],
)
def test_only_a_test_is_run(command, copy, monkeypatch, capsys):
    edit(copy, Test=command)
    card = copy / 'zoo/tiny.md'
    card.write_text(f'{card.read_text()}\n{command}')
    status, output, _ = check(monkeypatch, capsys)
    assert status == 1
    assert output.startswith('WRONG  tiny: the test of tiny has the form python tools/test.py zoo:')


def test_missing_data_are_named(copy, monkeypatch, capsys):
    (copy / 'store.safetensors').unlink()
    status, output, _ = check(monkeypatch, capsys)
    assert status == 1
    assert output == 'WRONG  tiny: there is no store.safetensors: dataset-index.yml has the ' + (
        'command for it\n'
    )


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('Models: 3', 'is no list of models'),
        ('Models: [{Name: a}]', 'a: Config is missing or no str'),
        ('- [', 'is no list of models'),
    ],
)
def test_lists_that_are_none(text, message, tmp_path):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_zoo(tmp_path)


def test_paths_stay_in_the_folder(copy):
    edit(copy, Weights='../epoch_1.pth')
    with pytest.raises(ValueError, match='names of files beside the list'):
        load_zoo()


def test_other_commands_refuse_in_one_line(copy, monkeypatch, capsys):
    tool = load_tool(TOOLS / 'zoo.py')
    for words, message in (
        (['check', 'no'], r"error: the zoo has no \['no'\]; there are tiny\n"),
        (['--folder', 'nowhere', 'list'], 'error: there is no list of a zoo at nowhere/'),
        (ADD.split(), "error: 'tiny' is taken"),
    ):
        status, _, error = run_main(tool, words, monkeypatch, capsys)
        assert status == 1
        assert re.fullmatch(f'{message}.*\n?', error)


# Names in every tool


WORDS = {
    'infer.py': 'clips/c0.npy --model {}',
    'stream.py': 'clips/c0.npy --model {}',
    'web.py': '--model {}',
    'test.py': '{} --store store.safetensors --split xsub_test --work-dir out',
    'train.py': 'configs/utd.py --work-dir out --cfg-options load_from={}',
    'analysis/get_complexity.py': '{}',
    'checkpoint/publish.py': '{} out/p.safetensors',
    'checkpoint/strip.py': '{} out/s.pth',
    'checkpoint/export_official.py': '{} out/o.pt',
    'checkpoint/to_hub.py': '{} out/hub',
    'deploy/export.py': '{} out/m.ts --format torchscript --num-clips 1',
}
READ_ONLY = {'stream.py', 'web.py', 'train.py', 'test.py', 'deploy/export.py'}
"""What takes long: that they know the name is seen by the error for another one."""


def test_every_tool_for_published_files_is_tried():
    page = (REPO / 'docs/publishing.md').read_text()
    table = page.partition('## One file in place')[2].partition('##')[0]
    named = {name for row in re.findall(r'^\| (`.*?) \|', table, re.M) for name in row.split('`')}
    tools = {name for name in named if name.endswith('.py')}
    assert tools == {Path(name).name for name in WORDS}


@pytest.mark.parametrize('tool', WORDS)
def test_an_unknown_name_is_one_line(tool, copy, monkeypatch, capsys):
    (copy / 'out').mkdir()
    words = WORDS[tool].format('zoo:tini').split()
    status, _, error = run_main(load_tool(TOOLS / tool), words, monkeypatch, capsys)
    assert status == 1
    assert error == "error: the zoo has no model 'tini'; did you mean zoo:tiny?\n"


@pytest.mark.parametrize('tool', sorted(set(WORDS) - READ_ONLY))
def test_a_name_takes_the_place_of_the_file(tool, copy, monkeypatch, capsys):
    (copy / 'out').mkdir()
    words = WORDS[tool].format('zoo:tiny').split()
    status, output, error = run_main(load_tool(TOOLS / tool), words, monkeypatch, capsys)
    assert status == 0, error
    assert output


def test_names_in_python(copy):
    file = load_zoo()['tiny'].weights
    clip = copy / 'clips/c0.npy'
    [wanted] = MMCLInferencer(file)(clip)
    for inferencer in (MMCLInferencer('zoo:tiny'), MMCLInferencer.from_pretrained('tiny')):
        assert inferencer(clip)[0].pred_score.tolist() == wanted.pred_score.tolist()
    assert type(get_model('zoo:tiny')) is type(load_deployed(file)[0])
    assert find_in_zoo(file) == str(file)
    with pytest.raises(
        FileNotFoundError, match="the zoo has no model 'tin'; did you mean zoo:tiny"
    ):
        MMCLInferencer.from_pretrained('tin')


def test_an_installation_without_weights_says_where_they_are(copy):
    load_zoo()['tiny'].weights.unlink()
    with pytest.raises(FileNotFoundError, match='packages hold no weights: set MMCL_EXT_ZOO'):
        find_in_zoo('zoo:tiny')


# Half weights


def test_half_weights(tree, tmp_path):
    config, checkpoint = tree / 'configs/utd.py', tree / 'epoch_1.pth'
    whole = publish(config, checkpoint, tmp_path / 'whole.safetensors')
    half = publish(config, checkpoint, tmp_path / 'half.safetensors', half=True)
    again = publish(half.path, None, tmp_path / 'again.safetensors')
    assert again.path.read_bytes() == half.path.read_bytes()
    assert half.info.recipe['weights'] == 'float16'
    assert half.path.stat().st_size < 0.8 * whole.path.stat().st_size
    states = [load_deployed(path)[0].state_dict() for path in (half.path, whole.path)]
    for key, value in states[1].items():
        assert states[0][key].dtype == value.dtype
        exact = value.dim() < 2 or not value.is_floating_point()
        wanted = value if exact else value.half().float()
        assert torch.equal(states[0][key], wanted), key


# What is shipped


def test_the_shipped_list_fits_its_folder():
    files = {path.name for path in (REPO / 'zoo').iterdir()}
    listed = {name for model in SHIPPED.values() for name in (model.weights.name, model.card.name)}
    assert files == listed | {INDEX, 'README.md'}
    assert len(SHIPPED) <= MAX_MODELS
    assert all(model.weights.stat().st_size <= MAX_BYTES for model in SHIPPED.values())


@pytest.mark.parametrize('name', [*SHIPPED] or [pytest.param('', marks=pytest.mark.skip)])
def test_a_shipped_model_fits_its_entry(name):
    assert list(check_files(SHIPPED[name], REPO)) == []
