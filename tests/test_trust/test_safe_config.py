"""Configurations of others: YAML builds no objects, and --safe-config takes data alone."""

import json
import re
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.registry import registry as mmengine_registry
from tiny_data import write_tiny_store
from tool_module import load_tool, parsers_of, run_main

from mmcl_ext.ablation.declaration import load_ablation
from mmcl_ext.apis import load_config
from mmcl_ext.config.safe_config import VARIABLE, admit_data_only
from mmcl_ext.config.user_errors import is_for_user
from mmcl_ext.datasets import SkeletonStore
from mmcl_ext.preparation.own_videos.training_config import TrainingConfig
from mmcl_ext.registry import HOOKS, MODELS

REPO = Path(__file__).resolve().parents[2]
CTRGCN = REPO / 'configs/skeleton/ctrgcn_demo.py'
TOOLS = sorted(path.relative_to(REPO / 'tools') for path in (REPO / 'tools').rglob('*.py'))
TAKES = re.compile(r'configuration|declaration')


@pytest.fixture
def marker(tmp_path):
    return tmp_path / 'marker'


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Undo what the option changes for the whole process."""
    for name in ('fromfile', '_file2dict', '_parse_lazy_import'):
        monkeypatch.setattr(Config, name, staticmethod(getattr(Config, name)))
    for name in ('get_object_from_string', 'import_module'):
        monkeypatch.setattr(mmengine_registry, name, getattr(mmengine_registry, name))
    name = 'import_modules_from_strings'
    monkeypatch.setattr(mmengine_config, name, getattr(mmengine_config, name))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv('RANK', '0')
    monkeypatch.delenv('RANK')


@pytest.fixture
def safe():
    admit_data_only()


def refused(path, match, read=load_config):
    with pytest.raises(ValueError, match=match) as caught:
        read(path)
    assert is_for_user(caught.value)
    assert '\n' not in str(caught.value)


def as_json(path, values):
    path.write_text(json.dumps(values))
    return path


def test_yaml_makes_no_objects(tmp_path, marker):
    path = tmp_path / 'evil.yaml'
    path.write_text(f'model: !!python/object/apply:os.system ["touch {marker}"]\n')
    refused(path, r'evil\.yaml')
    assert not marker.exists()


def test_yaml_of_mmengine_is_read(tmp_path):
    values = dict(model=dict(type='A', size=(1, (2, 3)), names=['x']))
    Config(values).dump(tmp_path / 'a.yaml')
    assert load_config(tmp_path / 'a.yaml').to_dict() == values


LAUGHS = ''.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 12))


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('laughs.yaml', f'a0: &a0 [x]\n{LAUGHS}'),
        ('merged.yaml', f'a0: &a0 {{k: 1}}\n{LAUGHS.replace("[", "{<<: [").replace("]", "]}")}'),
        ('circle.yaml', 'a: &a [*a]'),
        ('deep.yaml', '[' * 50_000),
        ('deep.json', '[' * 100_000),
        ('list.json', '[1]'),
        ('number.json', '{"a": ' + '1' * 5000 + '}'),
        ('cut.json', '{"a": 1'),
        ('text.yaml', 'only text'),
        ('binary.yml', '\x00\x01'),
        ('unbound.py', 'model = dict(type=name)'),
        ('raises.py', 'model = {}\nmodel["a"]'),
        ('deep.py', f'a = {"[" * 5000}{"]" * 5000}'),
        ('large.json', ' ' * (1 << 25)),
    ],
)
def test_files_that_cannot_be_read_end_in_one_line(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    refused(path, name.replace('.', r'\.'))


def test_the_line_of_an_error_is_named(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\nb = c\n')
    (tmp_path / 'child.py').write_text("_base_ = 'base.py'\n")
    refused(tmp_path / 'child.py', r"base\.py, line 2: NameError: name 'c'")


ATTACKS = [
    {'custom_imports': {'imports': ['evil_module']}},
    {'custom_imports': {'imports': 'evil_module'}},
    {'_base_': 'evil_module.py'},
    {'_base_': ['../../../{}/evil_module.py']},
    {'model': {'type': 'subprocess.Popen', 'args': ['touch', 'MARKER']}},
    {'model': {'type': 'mmcl_ext.os.system', 'command': 'touch MARKER'}},
    {'train_dataloader': {'dataset': {'type': 'mmaction.PoseDataset', 'ann_file': 'evil.pkl'}}},
    {'train_dataloader': {'dataset': {'type': 'PoseDataset', 'ann_file': 'evil.pkl'}}},
    {'custom_hooks': [{'type': 'evil_module.Hook'}]},
    {'visualizer': {'vis_backends': [{'type': 'WandbVisBackend'}]}},
    {'train_pipeline': [{'type': 'mmengine.fileio.load'}]},
    {'model': {'type': 'A', '_scope_': 'evil_module'}},
]


@pytest.mark.parametrize('attack', ATTACKS, ids=str)
@pytest.mark.parametrize('suffix', ['.json', '.yaml'])
def test_data_name_nothing_that_runs(tmp_path, marker, monkeypatch, safe, attack, suffix):
    (tmp_path / 'evil_module.py').write_text(f'open({str(marker)!r}, "w").close()\nHook = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    text = json.dumps(attack).replace('{}', str(tmp_path)).replace('MARKER', str(marker))
    path = tmp_path / f'evil{suffix}'
    path.write_text(text)
    refused(path, r'safe-config')
    assert not marker.exists()


def test_arguments_of_data_import_nothing(tmp_path, marker, monkeypatch, safe):
    (tmp_path / 'evil_layer.py').write_text(f'open({str(marker)!r}, "w").close()\nN = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    graph = dict(layout='nturgb+d', mode='stgcn_spatial')
    model = dict(type='mmaction.STGCN', graph_cfg=graph, gcn_norm='evil_layer.N')
    path = as_json(tmp_path / 'a.json', dict(model=dict(type='SkeletonRecognizer', backbone=model)))
    with pytest.raises(KeyError, match='in registry'):
        MODELS.build(load_config(path).model.backbone)
    assert HOOKS.get('evil_layer.N') is None
    assert not marker.exists()


def test_python_is_taken_from_the_package_alone(tmp_path, safe):
    (tmp_path / 'ctrgcn_demo.py').write_text(CTRGCN.read_text())
    refused(tmp_path / 'ctrgcn_demo.py', 'is Python, which --safe-config does not run')
    link = tmp_path / 'configs'
    link.mkdir()
    refused(link / '..' / 'ctrgcn_demo.py', 'is Python')
    child = as_json(tmp_path / 'a.json', {'_base_': 'mmcl_ext::skeleton/ctrgcn_demo.py'})
    assert load_config(child).model.backbone == load_config(CTRGCN).model.backbone


def test_what_ships_is_data(tmp_path, safe):
    """Every shipped configuration can be handed on as JSON."""
    for number, path in enumerate(sorted((REPO / 'configs').rglob('*.py'))):
        if '_base_' not in path.parts and 'ablations' not in path.parts:
            dumped = tmp_path / f'{number}.json'
            cfg = load_config(path)
            cfg.dump(dumped)
            assert load_config(dumped).keys() == cfg.keys(), path


def test_ablations_in_data_run_no_commands(tmp_path, safe):
    step = dict(makes='x', command=['data/convert.py'])
    variants = dict(a=dict(config=str(CTRGCN), prepare=[step]))
    path = as_json(tmp_path / 'a.json', dict(variants=variants))
    with pytest.raises(ValueError, match='prepare runs commands'):
        load_ablation(path)
    variants['a'].pop('prepare')
    assert load_ablation(as_json(path, dict(variants=variants))).variants[0].name == 'a'


def test_names_of_a_store_are_no_code_in_a_written_configuration(tmp_path, marker):
    """The text around MMEngine's variables is not that of a stranger's split."""
    code = f'__import__("os").system("touch {marker}")'
    for number, name in enumerate(
        (f'train{{{{ fileDirname }}}}"""+{code}+"""', f"train'+{code}+'", f'train\n{code}\n#')
    ):
        store = tmp_path / f'{number}.safetensors'
        write_tiny_store(store)
        opened = SkeletonStore(store)
        path = tmp_path / f'{number}.py'
        monkey = TrainingConfig(opened, tmp_path / 'composites')
        opened.splits[name] = opened.splits['xsub_train']
        object.__setattr__(monkey, 'train_split', name)
        if '{{' in name:
            with pytest.raises(ValueError, match='cannot hold'):
                monkey.write(path)
            continue
        monkey.write(path)
        assert Config.fromfile(path).train_dataloader.dataset.split == name
    assert not marker.exists()


# What a tool that takes a configuration needs besides, where it is not read first of all.
WORDS = {
    'infer.py': ['x.npy', '--model', 'EVIL', '--checkpoint', 'x.pth'],
    'stream.py': ['x.npy', '--model', 'EVIL', '--checkpoint', 'x.pth'],
    'web.py': ['--model', 'EVIL', '--checkpoint', 'x.pth'],
    'ensemble.py': ['a.pkl', 'b.pkl', '--store', 'EVIL', '--split', 'val'],
    'zoo.py': [
        *('add', 'one', 'EVIL', 'x.pth', '--store', 's.safetensors', '--split', 'val'),
        *('--license', 'MIT'),
    ],
    'analysis/compare.py': ['a.pkl', 'b.pkl', '--store', 'EVIL', '--split', 'val'],
    'analysis/confusion_matrix.py': ['a.pkl', '--store', 'EVIL', '--split', 'val'],
    'checkpoint/import_official.py': ['a.pth', 'b.pth', '--config', 'EVIL'],
    'checkpoint/publish.py': ['EVIL', 'x.pth', 'y.pth'],
    # TorchScript: the format that needs no further package.
    'deploy/export.py': ['EVIL', 'x.pth', 'y.ts', '--format', 'torchscript'],
    'data/prepare_videos.py': ['videos', 's.safetensors', 'out', '--text', 'EVIL'],
}


@pytest.mark.parametrize('name', [str(tool) for tool in TOOLS])
def test_every_tool_with_a_configuration_takes_data(name, tmp_path, marker, monkeypatch, capsys):
    """Without the option the Python file runs, with it no line of it."""
    monkeypatch.chdir(tmp_path)
    tool = load_tool(REPO / 'tools' / name)
    parsers = list(parsers_of(tool, monkeypatch))
    actions = [action for _, parser in parsers for action in parser._actions]
    options = [option for action in actions for option in action.option_strings]
    takes = [a for a in actions if TAKES.search(a.help or '') and a.dest != 'safe_config']
    takes = [a for a in takes if a.nargs != 0 and not a.dest.endswith('options')]
    if name not in WORDS and not takes:
        pytest.skip('takes no configuration')
    assert '--safe-config' in options
    evil = tmp_path / 'evil.py'
    evil.write_text(f'open({str(marker)!r}, "w").close()\n')
    write_tiny_store(tmp_path / 's.safetensors')
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos/a.mp4').touch()
    import torch

    torch.save(dict(state_dict=dict(w=torch.zeros(1)), meta={}), tmp_path / 'x.pth')
    positionals = [a for a in parsers[0][1]._actions if not a.option_strings]
    words = WORDS.get(name, [*['EVIL'] * len(positionals)])
    words = [str(evil) if word == 'EVIL' else word for word in words]
    for extra, runs in (([], True), (['--safe-config'], False)):
        marker.unlink(missing_ok=True)
        status, _, error = run_main(tool, [*words, *extra], monkeypatch, capsys)
        assert status
        assert error.startswith('error: ') or 'error: ' in error
        assert marker.exists() == runs, error
    assert 'is Python, which --safe-config does not run' in error
    assert sys.argv[1:] == [*words, '--safe-config']
