import pytest

from mmcl_ext.preparation.extraction.model_files import model_recipe


def test_a_folder_is_known_by_its_files(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'weights').write_bytes(name.encode())
    first, second = (model_recipe(str(tmp_path / name), dict) for name in ('a', 'b'))
    assert (first['model'], first['revision']) == ('a', None)
    assert first['model_hash'] != second['model_hash']
    assert model_recipe(str(tmp_path / 'a'), dict) == first


def test_a_model_of_the_hub_is_known_by_its_commit():
    class Config:
        _commit_hash = 'abc'

    assert model_recipe('org/name', Config) == dict(
        model='org/name', revision='abc', model_hash=None
    )


def test_a_mistyped_folder_is_named():
    def load():
        raise OSError('We could not connect\nCheck your connection')

    with pytest.raises(ValueError, match=r"no folder 'models/gone', nor .*: We could not connect$"):
        model_recipe('models/gone', load)
