"""PyTorch's own archives can run code: only consent loads them, and looking loads nothing."""

import zipfile

import pytest
import torch

from mmcl_ext.deployment import load_backend, read_model_info
from mmcl_ext.deployment.model_file import METADATA_KEY
from mmcl_ext.inference import MMCLInferencer


@pytest.mark.parametrize('suffix', ['.ts', '.pt2'])
def test_looking_loads_nothing_and_loading_needs_consent(published, tmp_path, monkeypatch, suffix):
    def load(*_, **__):
        raise AssertionError('loaded')

    monkeypatch.setattr(torch.jit, 'load', load)
    monkeypatch.setattr(torch.export, 'load', load)
    info = read_model_info(published)
    path = tmp_path / f'model{suffix}'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(f'model/extra/{METADATA_KEY}', info.to_json())
    assert read_model_info(path) == info
    for open_file in (load_backend, MMCLInferencer):
        with pytest.raises(ValueError, match='--trust'):
            open_file(path)


def test_descriptions_are_bounded(tmp_path):
    path = tmp_path / 'bomb.ts'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f'bomb/extra/{METADATA_KEY}', b' ' * (1 << 25))
    with pytest.raises(ValueError, match=r'bomb\.ts has a description of'):
        read_model_info(path)
