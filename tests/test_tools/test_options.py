import argparse
import os
import sys

import pytest
from mmengine.config import Config

from mmcl_ext import apis
from mmcl_ext.config.command_line import add_import, import_modules, keep_imports
from mmcl_ext.config.user_errors import UserError, is_for_user


def touch(folder, name, age):
    path = folder / name
    path.touch()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_last_checkpoint_is_the_named_one(tmp_path):
    named = touch(tmp_path, 'epoch_3.pth', age=9)
    touch(tmp_path, 'best_acc_top1_epoch_2.pth', age=0)
    touch(tmp_path, 'epoch_4.pth', age=1)
    (tmp_path / 'last_checkpoint').write_text(str(named))
    assert apis.last_checkpoint(tmp_path) == str(named)


def test_a_copied_work_folder_goes_on_from_its_own_checkpoint(tmp_path):
    original, copy = tmp_path / 'run', tmp_path / 'copy'
    for folder in (original, copy):
        folder.mkdir()
        (folder / 'last_checkpoint').write_text(str(original / 'epoch_3.pth'))
    named = str(touch(original, 'epoch_3.pth', age=0))
    assert apis.last_checkpoint(copy) == named  # checkpoints may lie in a folder of their own
    own = touch(copy, 'epoch_3.pth', age=5)
    assert apis.last_checkpoint(copy) == str(own)
    assert apis.last_checkpoint(original) == named


@pytest.mark.parametrize('content', ['', 'gone.pth', None])
def test_without_a_good_name_it_is_the_newest(tmp_path, content):
    touch(tmp_path, 'epoch_10.pth', age=2)
    newest = touch(tmp_path, 'epoch_9.pth', age=1)
    touch(tmp_path, 'epoch_11_skeleton.pth', age=0)
    touch(tmp_path, '.epoch_12.pth.tmp', age=0)
    if content is not None:
        (tmp_path / 'last_checkpoint').write_text(content)
    assert apis.last_checkpoint(tmp_path) == str(newest)


def test_no_checkpoint_at_all(tmp_path):
    assert apis.last_checkpoint(tmp_path) is None
    assert apis.last_checkpoint(tmp_path / 'missing') is None


def test_resume_auto_without_checkpoint_keeps_the_pretrained_one(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path), load_from='pretrained.pth', resume=False))
    apis.set_resume(cfg, 'auto')
    assert (cfg.load_from, cfg.resume) == ('pretrained.pth', False)
    path = str(touch(tmp_path, 'epoch_1.pth', age=0))
    apis.set_resume(cfg, 'auto')
    assert (cfg.load_from, cfg.resume) == (path, True)


def test_work_dir_is_argument_then_file_then_name():
    cfg = Config(dict(work_dir='file'))
    apis.set_work_dir(cfg, 'argument', 'configs/name.py')
    assert cfg.work_dir == 'argument'
    cfg = Config(dict(work_dir='file'))
    apis.set_work_dir(cfg, None, 'configs/name.py')
    assert cfg.work_dir == 'file'
    cfg = Config(dict())
    apis.set_work_dir(cfg, None, 'elsewhere/name.py')
    assert cfg.work_dir == os.path.join('work_dirs', 'name')


def test_twins_of_one_name_have_work_dirs_of_their_own():
    folders = []
    for folder in ('skeleton', 'mmcl'):
        cfg = Config(dict())
        apis.set_work_dir(cfg, None, f'configs/{folder}/name.py')
        folders.append(cfg.work_dir)
    assert folders == [os.path.join('work_dirs', f, 'name') for f in ('skeleton', 'mmcl')]


def test_randomness_changes_only_what_is_named():
    cfg = Config(dict(randomness=dict(seed=1, deterministic=True)))
    apis.set_randomness(cfg, None)
    assert cfg.randomness == dict(seed=1, deterministic=True)
    apis.set_randomness(cfg, 7, diff_rank_seed=True)
    assert cfg.randomness == dict(seed=7, deterministic=True, diff_rank_seed=True)


@pytest.mark.parametrize('evaluator', [dict(type='AccMetric'), [dict(type='AccMetric')]])
def test_dump_is_added_to_the_evaluators(evaluator):
    cfg = Config(dict(test_evaluator=evaluator))
    apis.add_dump(cfg, 'a.pkl')
    assert cfg.test_evaluator == [
        dict(type='AccMetric'),
        dict(type='DumpResults', out_file_path='a.pkl'),
    ]


def test_a_stream_without_a_transform_for_it_is_an_error():
    with pytest.raises(ValueError, match="stream is 'bone' but no pipeline"):
        apis.apply_stream(Config(dict(stream='bone')))


def test_showing_needs_the_hook():
    options = dict(show=False, out_dir='pictures', interval=2, wait_time=1.0)
    with pytest.raises(ValueError, match='PredictionImageHook'):
        apis.show_predictions(Config(dict(default_hooks=dict())), **options)
    cfg = Config(dict(default_hooks=dict(visualization=dict(type='PredictionImageHook'))))
    apis.show_predictions(cfg, **options)
    assert cfg.default_hooks.visualization == dict(
        type='PredictionImageHook', enable=True, **options
    )


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('notes.md', 'model', 'is no configuration'),
        ('open.py', 'model = dict(\n', 'syntax error'),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        apis.load_config(path)
    assert str(path) in str(error.value)
    assert is_for_user(error.value)
    assert '\n' not in str(error.value)


def test_a_configuration_without_a_model_is_refused(tmp_path):
    path = tmp_path / 'empty.py'
    path.write_text('')
    with pytest.raises(ValueError, match=r'empty\.py has no model') as error:
        apis.train_model(apis.load_config(path))
    assert is_for_user(error.value)


def test_a_base_by_name_without_the_installed_files(tmp_path, monkeypatch):
    package = tmp_path / 'mmcl_ext'
    package.mkdir()
    monkeypatch.setattr('mmengine.config.config.get_installed_path', lambda name: str(package))
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmcl_ext::skeleton/ctrgcn_ntu60.py'\n")
    with pytest.raises(FileNotFoundError, match=r'child.py.*pip install -e \.') as error:
        apis.load_config(child)
    assert is_for_user(error.value)


def test_a_module_of_custom_imports_that_python_does_not_find(tmp_path, monkeypatch):
    path = tmp_path / 'child.py'
    path.write_text(
        "custom_imports = dict(imports=['mmcl_ext.mmcl', 'my_networks.net'])\nmodel = 1\n"
    )
    with pytest.raises(ValueError, match=r"child.py: .*'my_networks'.*PYTHONPATH") as error:
        apis.load_config(path)
    assert is_for_user(error.value)

    package = tmp_path / 'my_networks'
    package.mkdir()
    (package / '__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=rf"no 'my_networks.net': its package .* is at {package}$"):
        apis.load_config(path)


@pytest.mark.parametrize(
    ('code', 'said'),
    [
        ('import not_installed_at_all', "line 2: No module named 'not_installed_at_all'"),
        ('import own_kind.layers', "line 2: No module named 'own_kind.layers'"),
        ('from own_kind import Layer', "line 2: cannot import name 'Layer' from 'own_kind'"),
    ],
)
def test_a_module_of_custom_imports_whose_own_import_fails(tmp_path, monkeypatch, code, said):
    package = tmp_path / 'own_kind'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / 'net.py').write_text(f'"""A network."""\n{code}\n')
    monkeypatch.syspath_prepend(tmp_path)
    for name in ('own_kind', 'own_kind.net'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    path = tmp_path / 'child.py'
    path.write_text("custom_imports = dict(imports=['own_kind.net'])\nmodel = 1\n")
    with pytest.raises(UserError) as error:
        apis.load_config(path)
    assert f"'own_kind.net', whose import fails in {package / 'net.py'}, {said}" in str(error.value)


def test_an_option_whose_first_name_is_misspelt_is_refused(tmp_path):
    path = tmp_path / 'child.py'
    path.write_text("model = dict(type='A')\ntrain_dataloader = dict(batch_size=4)\n")
    for option, near in {'modle.type': 'model', 'train_dataloder.batch_size': 'train_data'}.items():
        with pytest.raises(ValueError, match=f"{option}'.* has no .*, but '{near}") as error:
            apis.load_config(path, {option: 'B'})
        assert is_for_user(error.value)
    # what the runner reads although the file does not set it, and names like nothing else
    cfg = apis.load_config(path, {'test_dataloader.batch_size': 2, 'mine': 3, 'model.type': 'B'})
    assert (cfg.test_dataloader.batch_size, cfg.mine, cfg.model.type) == (2, 3, 'B')


def test_imported_modules_stay_in_the_configuration(tmp_path, monkeypatch):
    (tmp_path / 'own_net.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    parser = argparse.ArgumentParser()
    add_import(parser)
    names = parser.parse_args(['--import', 'own_net', 'json']).modules
    import_modules(names)
    cfg = Config(dict())
    keep_imports(cfg, [])
    assert 'custom_imports' not in cfg
    for imports in ('json', ['json']):
        cfg = Config(dict(custom_imports=dict(imports=imports)))
        keep_imports(cfg, names)
        assert cfg.custom_imports.imports == ['json', 'own_net']
    with pytest.raises(UserError, match="no module 'own_nte'"):
        import_modules(['own_nte'])
