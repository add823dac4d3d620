"""Repositories of Hugging Face, in local folders; the library's network calls are replaced."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from inference_models import UTD, write_checkpoint, write_config
from tool_module import load_tool, run_main

from mmcl_ext import MMCLInferencer, from_hub, to_hub
from mmcl_ext.checkpoints.hub import find_pretrained
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES

TOOL = Path(__file__).resolve().parents[2] / 'tools/checkpoint/to_hub.py'
FILES = {'model.safetensors', 'config.json', 'README.md'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('hub')
    checkpoint = write_checkpoint(root / 'epoch_1.pth', UTD, UTDMHAD_CLASSES, 'kinect_v1')
    config = write_config(root / 'utd.py', UTD)
    metrics = dict(top1=91.25, top5=99.0)
    return to_hub(
        config, root / 'utd_hub', checkpoint=checkpoint, license='Apache-2.0', metrics=metrics
    )


def front_of(folder):
    return yaml.safe_load((folder / 'README.md').read_text().split('---\n')[1])


def test_a_folder_holds_file_description_and_card(folder):
    assert {path.name for path in folder.iterdir()} == FILES
    inferencer = MMCLInferencer.from_pretrained(folder, batch_size=3)
    assert inferencer.batch_size == 3
    info = ModelInfo.from_dict(json.loads((folder / 'config.json').read_text()))
    assert info == inferencer.info
    assert info.classes == UTDMHAD_CLASSES
    assert from_hub(folder) == folder / 'model.safetensors'


def test_the_card_has_the_results(folder):
    front = front_of(folder)
    assert (front['license'], front['library_name']) == ('apache-2.0', 'mmcl_ext')
    [result] = front['model-index'][0]['results']
    assert result['metrics'][0] == dict(type='accuracy', name='Top 1 Accuracy', value=91.25)
    text = (folder / 'README.md').read_text()
    assert "MMCLInferencer.from_pretrained('utd_hub')" in text
    assert '| Top 1 Accuracy | 91.25 |' in text


def test_the_library_reads_the_card(folder):
    cards = pytest.importorskip('huggingface_hub').ModelCard
    data = cards.load(folder / 'README.md').data
    assert data.license == 'apache-2.0'
    assert [(r.metric_name, r.metric_value) for r in data.eval_results] == [
        ('Top 1 Accuracy', 91.25), ('Top 5 Accuracy', 99.0),
    ]  # fmt: skip
    assert data.eval_results[0].dataset_name == 'utdmhad'


def test_writing_a_folder_again_changes_nothing(folder, tmp_path):
    again = to_hub(folder / 'model.safetensors', tmp_path / 'utd_hub')
    for name in FILES:
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_another_license_is_named(folder, tmp_path):
    other = to_hub(folder / 'model.safetensors', tmp_path / 'b', license='research only')
    front = front_of(other)
    assert (front['license'], front['license_name']) == ('other', 'research only')


class Hub:
    """The calls that leave the machine, on a folder instead."""

    def __init__(self, root):
        self.root = root

    def create_repo(self, name, exist_ok):
        assert exist_ok
        (self.root / name).mkdir(parents=True, exist_ok=True)

    def upload_folder(self, repo_id, folder_path, allow_patterns):
        for name in allow_patterns:
            shutil.copy(Path(folder_path) / name, self.root / repo_id)

    def hf_hub_download(self, name, file, revision):
        path = self.root / name / file
        if not path.is_file():
            raise RuntimeError('404 Client Error\nmore lines')
        return str(path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = Hub(tmp_path / 'remote')
    module = SimpleNamespace(HfApi=lambda: hub, hf_hub_download=hub.hf_hub_download)
    monkeypatch.setitem(__import__('sys').modules, 'huggingface_hub', module)
    return hub


def test_upload_and_download(folder, hub, tmp_path, monkeypatch, capsys):
    words = [folder / 'model.safetensors', tmp_path / 'out', '--repo', 'me/utd']
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/secret.txt').write_text('not to be uploaded')
    status, output, error = run_main(load_tool(TOOL), words, monkeypatch, capsys)
    assert (status, error) == (0, '')
    assert output == f'{tmp_path}/out, uploaded to me/utd\n'
    assert {path.name for path in (hub.root / 'me/utd').iterdir()} == FILES
    assert "from_pretrained('me/utd')" in (hub.root / 'me/utd/README.md').read_text()
    assert find_pretrained('me/utd') == str(hub.root / 'me/utd/model.safetensors')


def test_what_is_not_there_is_one_line(hub, tmp_path):
    with pytest.raises(OSError, match=r'^me/no: RuntimeError: 404 Client Error$'):
        from_hub('me/no')
    with pytest.raises(FileNotFoundError, match=r'has no model\.safetensors'):
        from_hub(tmp_path)
    with pytest.raises(FileNotFoundError, match="the zoo has no model 'nothing'"):
        find_pretrained('nothing')


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'huggingface_hub', None)
    with pytest.raises(ModuleNotFoundError, match='pip install huggingface_hub'):
        from_hub('me/utd')
