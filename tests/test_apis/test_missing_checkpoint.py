"""A test without its checkpoint ends before the data are read."""

import pytest
from mmengine.config import Config

from mmcl_ext.apis import test_model


@pytest.mark.parametrize('name', ['gone.pth', '.'])
def test_a_missing_checkpoint_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f'^there is no checkpoint {name!r}$'):
        test_model(Config(dict(launcher='none')), name)
