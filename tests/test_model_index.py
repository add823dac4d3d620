"""The lists of models and data sets say what the configurations and the recorded results say."""

import functools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.config.utils import _get_cfg_metainfo
from mmengine.fileio import load

from mmcl_ext.analysis import complexity
from mmcl_ext.apis import load_config

REPO = Path(__file__).resolve().parents[1]
FOLDERS = ('skeleton', 'mmcl')
INDEX = load(REPO / 'model-index.yml')
FILES = {path: load(REPO / path) for path in INDEX['Import']}
MODELS = [model for file in FILES.values() for model in file['Models']]
DATA = load(REPO / 'dataset-index.yml')
METADATA = {
    'Architecture', 'Batch Size', 'Epochs', 'FLOPs', 'Parameters', 'Input', 'Training Data',
    'Training Resources',
}  # fmt: skip
PROTOCOLS = {'xsub': ', cross-subject', 'xview': ', cross-view', 'xset': ', cross-setup'}
NETWORKS = {'CTR-GCN': 'CTRGCN', 'CTRS-GCN': 'CTRSGCN', 'HD-GCN': 'HDGCN', 'ST-GCN': 'STGCN'}


def recorded() -> dict[tuple[str, str, str], float]:
    """The numbers that a command with one of the listed configurations gives.

    They are in per cent, by configuration, result and title.
    """
    numbers = {}
    for result in tomllib.loads((REPO / 'docs/results.toml').read_text())['result']:
        for number in result['number']:
            place = number.get('command')
            commands = result['commands'] if place is None else [result['commands'][place - 1]]
            config = re.search(rf'configs/({"|".join(FOLDERS)})/\w+\.py', ' '.join(commands))
            if config and 'table' not in number:
                key = (config[0], result['name'], number['title'])
                numbers[key] = round(100 * number['value'], 2)
    return numbers


@functools.cache
def data_set(cfg_path: str) -> str:
    """Name of the training data of a configuration, with its protocol."""
    dataset = Config.fromfile(REPO / cfg_path).train_dataloader.dataset
    while 'ann_file' not in dataset:
        dataset = dataset.dataset
    [name] = [entry['Name'] for entry in DATA.values() if entry['Store'] == dataset.ann_file]
    return name + PROTOCOLS.get(dataset.split.split('_')[0], '')


def test_every_configuration_is_listed_once() -> None:
    listed = [model['Config'] for model in MODELS]
    shipped = {
        path.relative_to(REPO).as_posix()
        for folder in FOLDERS
        for path in (REPO / 'configs' / folder).glob('*.py')
    }
    assert sorted(listed) == sorted(shipped), 'add to metafile.yml or remove'
    names = [model['Name'] for model in MODELS]
    assert len(set(names)) == len(names)


def test_every_metafile_is_imported() -> None:
    found = {path.relative_to(REPO).as_posix() for path in REPO.glob('configs/**/metafile.yml')}
    assert set(FILES) == found


@pytest.mark.parametrize('path', FILES)
def test_collections_are_complete_and_used(path: str) -> None:
    collections = FILES[path]['Collections']
    for collection in collections:
        assert set(collection) == {'Name', 'README', 'Paper'}
        assert (REPO / collection['README']).is_file()
        assert collection['Paper']['URL'].startswith('https://')
        assert collection['Paper']['Title']
    assert {c['Name'] for c in collections} == {m['In Collection'] for m in FILES[path]['Models']}


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_an_entry_describes_its_configuration(model: dict[str, Any]) -> None:
    path = Path(model['Config'])
    assert set(model) - {'Results'} == {'Name', 'In Collection', 'Config', 'Metadata'}
    prefix = '' if path.parent.name == 'skeleton' else f'{path.parent.name}_'
    assert model['Name'] == prefix + path.stem
    listed = model['Metadata']
    assert set(listed) == METADATA
    cfg = Config.fromfile(REPO / path)
    assert listed['Batch Size'] == cfg.train_dataloader.batch_size
    assert listed['Epochs'] == cfg.train_cfg.max_epochs
    assert listed['Training Data'] == data_set(model['Config'])
    name, plus, _ = listed['Architecture'].partition('++')
    assert NETWORKS.get(name, name) == cfg.model.backbone.type
    assert bool(plus) == (cfg.model.backbone.get('gcn_adaptive') == 'init')
    assert ('Results' in model) == (listed['Training Resources'] != 'not trained here')


def test_listed_results_are_the_recorded_ones() -> None:
    listed = {}
    for model in MODELS:
        for result in model.get('Results', []):
            assert result['Task'] == 'Skeleton-based Action Recognition'
            assert result['Dataset'] == model['Metadata']['Training Data']
            source = result['Recorded']
            key = (model['Config'], source['Result'], source['Number'])
            listed[key] = result['Metrics']['Top 1 Accuracy']
    assert listed
    assert listed == recorded()


def check_costs(model: dict[str, Any]) -> None:
    cfg = load_config(REPO / model['Config'])
    deployed = complexity.build_deployed(cfg)
    shape = complexity.clip_shape(cfg, deployed)
    cost, listed = complexity.measure(deployed, shape), model['Metadata']
    assert list(shape) == listed['Input']
    assert (cost.parameters, cost.macs) == (listed['Parameters'], listed['FLOPs'])


@pytest.mark.parametrize('name', ['ctrgcn_demo', 'mmcl_stgcn_demo', 'ctrgcn_hdgraph_utdmhad'])
def test_listed_costs_are_those_of_the_network(name: str) -> None:
    [model] = [model for model in MODELS if model['Name'] == name]
    check_costs(model)


@pytest.mark.slow
@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_all_listed_costs_are_those_of_the_networks(model: dict[str, Any]) -> None:
    check_costs(model)


def test_mmengine_finds_an_entry_by_its_configuration(tmp_path: Path) -> None:
    """As ``mmengine.hub`` does for ``mmcl_ext::skeleton/ctrgcn_demo.py``."""
    (tmp_path / '.mim').symlink_to(REPO)
    found = _get_cfg_metainfo(str(tmp_path), 'skeleton/ctrgcn_demo.py')
    assert found['Name'] == 'ctrgcn_demo'


@pytest.mark.parametrize('name', DATA)
def test_a_data_set_is_described(name: str) -> None:
    entry = DATA[name]
    assert set(entry) - {'Homepage'} == {'Name', 'Access', 'Page', 'Command', 'Store'}
    page = (REPO / entry['Page']).read_text()
    assert entry['Command'] in page
    assert entry['Store'] in entry['Command'] or Path(entry['Store']).parent.name in page
