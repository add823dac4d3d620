"""Each fault of the packages below us: seen without its repair, gone with it."""

import builtins
import importlib
import importlib.metadata
import importlib.util
import io
import json
import os
import pickle
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import compat_cases
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.version import version_info as mmengine_version
from torch import nn
from torch._weights_only_unpickler import load as weights_only_load

import mmcl_ext
from mmcl_ext import compat
from mmcl_ext.fileio import restricted_load

REFUSES_FULL_CHECKPOINTS = mmengine_version[:2] < (0, 11)


def python(code: str, *paths: Path | str, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds the tests, this package and ``paths``."""
    search = [*map(str, paths), str(Path(__file__).parent), str(Path(mmcl_ext.__path__[0]).parent)]
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(search)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 or not check, result.stderr
    return result


def fault_of(code: str) -> str:
    """Run code, which does not import mmcl_ext, and return the last line of its error."""
    assert 'import mmcl_ext' not in code
    result = python(code)
    assert result.returncode != 0, 'expected a fault, saw none'
    return result.stderr.strip().splitlines()[-1]


def importable(*names: str) -> bool:
    """Tell whether installed packages, not our substitutes, serve all of these names."""
    specs = [importlib.util.find_spec(name) for name in names]
    return all(spec is not None and spec.origin is not None for spec in specs)


# The import hooks


def test_import_is_light() -> None:
    code = """
        import sys, time
        start = time.perf_counter()
        import mmcl_ext
        seconds = time.perf_counter() - start
        heavy = ('torch', 'numpy', 'cv2', 'mmcv', 'mmengine', 'mmaction', 'transformers')
        assert mmcl_ext.__version__
        print(seconds, *(name for name in heavy if name in sys.modules))
    """
    runs = [python(code, check=True).stdout.split() for _ in range(3)]
    assert [run[1:] for run in runs] == [[], [], []]
    assert min(float(run[0]) for run in runs) < 0.2


def test_install_twice_changes_nothing() -> None:
    import mmaction.utils.misc as misc

    seen_torch, seen_numpy = mmengine_checkpoint.torch, misc.np
    compat.install()
    assert mmengine_checkpoint.torch is seen_torch
    assert misc.np is seen_numpy
    own = [finder for finder in sys.meta_path if type(finder).__module__ == compat.__name__]
    assert own == [sys.meta_path[0], sys.meta_path[-1]]


def test_modules_imported_before_are_repaired_too() -> None:
    code = """
        import compat_cases, sys
        compat_cases.hide_import_faults()
        import mmaction.utils.misc, mmengine.config.utils, mmengine.runner.checkpoint
        import mmcl_ext
        assert mmaction.utils.misc.np.Inf == float('inf')
        assert 'mmcl_ext' in mmengine.config.utils.MODULE2PACKAGE
        assert mmengine.runner.checkpoint.torch.load is not sys.modules['torch'].load
    """
    python(code, check=True)


def test_repaired_modules_keep_their_loaders() -> None:
    """Tools that ask a module for its source must not meet our loader."""
    loader = mmengine_checkpoint.__loader__
    assert not type(loader).__module__.startswith('mmcl_ext')
    assert mmengine_checkpoint.__spec__ is not None
    assert mmengine_checkpoint.__spec__.loader is loader
    assert 'class CheckpointLoader' in loader.get_source(mmengine_checkpoint.__name__)


# The warning of mmcv-lite

RECORD = """
    import warnings
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter('always')
        import mmcv.cnn.bricks.transformer
        warnings.warn('Fail to import ``MultiScaleDeformableAttention`` here')
    print([str(warning.message) for warning in shown])
"""


def test_mmcv_lite_does_not_warn() -> None:
    if importable('mmcv._ext'):
        pytest.skip('mmcv with its operations does not warn')
    names = 'Fail to import ``MultiScaleDeformableAttention``'
    assert python(RECORD, check=True).stdout.count(names) == 2
    repaired = python(f'    import mmcl_ext{RECORD}', check=True).stdout
    assert repaired.count(names) == 1
    assert f'{names} here' in repaired


def test_other_warnings_of_mmcv_are_shown(tmp_path: Path) -> None:
    """The same message from elsewhere, another one from the same module, other categories."""
    folder = tmp_path / 'mmcv/cnn/bricks'
    folder.mkdir(parents=True)
    for package in (folder, folder.parent, folder.parent.parent):
        (package / '__init__.py').touch()
    message = 'Fail to import ``MultiScaleDeformableAttention`` from'
    lines = ['import warnings']
    for category, text in (
        ('UserWarning', f'{message} mmcv-lite'),
        ('UserWarning', 'something else'),
        ('DeprecationWarning', f'{message} deprecated'),
    ):
        lines.append(f'warnings.warn({text!r}, {category})')
    (folder / 'transformer.py').write_text('\n'.join(lines))
    (folder / 'padding.py').write_text(f'import warnings\nwarnings.warn("{message} padding")')
    code = """
        import warnings
        import mmcl_ext
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter('always')
            inside = list(warnings.filters)
            import mmcv.cnn.bricks.transformer, mmcv.cnn.bricks.padding
            assert warnings.filters == inside
        print(*(str(warning.message).split()[-1] for warning in shown))
    """
    shown = python(code, tmp_path, check=True).stdout.split()
    assert shown == ['else', 'deprecated', 'padding']


# Import faults of mmaction2


def test_missing_drn() -> None:
    if importlib.metadata.version('mmaction2') != '1.2.0':
        pytest.skip('only the wheel of mmaction2 1.2.0 is known to lack DRN')
    code = """
        import compat_cases, sys
        compat_cases.hide_import_faults()
        for name in [name for name in sys.modules if '.drn' in name]:
            del sys.modules[name]
        import mmaction.models
    """
    assert "No module named 'mmaction.models.localizers.drn'" in fault_of(code)

    from mmaction.registry import MODELS

    with pytest.raises(ImportError, match='2714'):
        MODELS.build(dict(type='mmaction.DRN', vocab_size=1))


def test_installed_drn_is_used() -> None:
    code = """
        import importlib.util, sys
        import mmcl_ext
        name = 'mmaction.models.localizers.drn'

        class Finder:  # stands for an mmaction2 that has the package
            def find_spec(self, wanted, path=None, target=None):
                if wanted.startswith(name):
                    return importlib.util.spec_from_loader(wanted, self, is_package=True)
            def create_module(self, spec):
                return None
            def exec_module(self, module):
                module.DRN = 'the real one'

        sys.meta_path.insert(-1, Finder())
        from mmaction.models.localizers import DRN
        print(DRN)
    """
    assert python(code, check=True).stdout.strip().endswith('the real one')


def test_undeclared_importlib_metadata() -> None:
    if importable('importlib_metadata'):
        pytest.skip('importlib_metadata is installed here')
    fault = fault_of('import mmaction.utils.dependency')
    assert "No module named 'importlib_metadata'" in fault

    from mmaction.utils.dependency import satisfy_requirement

    assert satisfy_requirement('torch>=2.0')
    assert not satisfy_requirement('no-such-distribution')


def test_installed_importlib_metadata_is_used(tmp_path: Path) -> None:
    (tmp_path / 'importlib_metadata.py').write_text("origin = 'installed'")
    code = 'import mmcl_ext, importlib_metadata; print(importlib_metadata.origin)'
    assert python(code, tmp_path, check=True).stdout.strip() == 'installed'


def test_vindlu_without_its_requirements() -> None:
    if compat._vindlu_can_be_imported():
        pytest.skip('timm, torchvision and a transformers that VindLU can use are installed here')
    code = """
        import compat_cases, importlib.metadata, sys
        sys.modules['importlib_metadata'] = importlib.metadata
        compat_cases.hide_drn_fault()
        import mmaction.models
    """
    assert 'Error: ' in fault_of(code)

    from mmaction.registry import MODELS

    importlib.import_module('mmaction.models')
    assert 'VindLUVQA' in MODELS.module_dict
    assert 'mmaction.models.multimodal.vindlu' not in sys.modules


def test_vindlu_is_left_alone_where_it_works(tmp_path: Path) -> None:
    for name in ('timm', 'torchvision', 'transformers'):
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text('')
    (tmp_path / 'transformers' / 'modeling_utils.py').write_text('apply_chunking_to_forward = None')
    code = 'import mmcl_ext; from mmaction.utils.dependency import *; print(WITH_MULTIMODAL)'
    assert python(code, tmp_path, check=True).stdout.strip() == 'True'


# Names that numpy removed


@pytest.fixture(scope='module')
def numpy_faults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the uses of removed names raise without the repairs."""
    code = f"""
        import compat_cases, json, pathlib, sys
        compat_cases.hide_import_faults()
        faults = {{}}
        for name, (case, _) in compat_cases.NUMPY_CASES.items():
            try:
                case(pathlib.Path({str(tmp_path_factory.mktemp('bare'))!r}))
            except AttributeError as error:
                faults[name] = str(error)
        assert 'mmcl_ext' not in sys.modules
        print(json.dumps(faults))
    """
    return json.loads(python(code, check=True).stdout.splitlines()[-1])


@pytest.mark.parametrize('name', compat_cases.NUMPY_CASES)
def test_names_that_numpy_removed(name: str, numpy_faults: dict[str, str], tmp_path: Path) -> None:
    if all(hasattr(np, removed) for removed in ('Inf', 'in1d', 'trapz')):
        pytest.skip(f'numpy {np.__version__} still has the names')
    removed = name.split()[0]
    if not hasattr(np, removed):
        assert removed in numpy_faults[name]
    case, expected = compat_cases.NUMPY_CASES[name]
    assert case(tmp_path) == pytest.approx(expected) if removed == 'trapz' else expected
    assert hasattr(np, removed) == (name not in numpy_faults), 'numpy itself must not change'


def test_numpy_with_all_names_is_left_alone() -> None:
    module = types.ModuleType('module')
    module.np = types.SimpleNamespace(inf=np.inf, Inf=np.inf, in1d=None, trapz=None, trapezoid=None)
    before = module.np
    compat._restore_numpy_names(module)
    assert module.np is before


# Checkpoints


class Reduced:
    """Pickles as the call it was given."""

    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def load(path: Path | str) -> dict:
    return mmengine_checkpoint._load_checkpoint(str(path), map_location='cpu', logger='silent')


def hostile_checkpoint(folder: Path, module: str) -> tuple[Path, Path]:
    """Write a checkpoint that makes a file when it is unpickled; return both paths."""
    path, mark = folder / 'hostile.pth', folder / 'mark'
    calls = {
        'posix': (os.system, (f'touch {mark}',)),
        'builtins': (builtins.exec, (f'open({str(mark)!r}, "w")',)),
        'pathlib': (Path.touch, (mark,)),
    }
    torch.save({'state_dict': {}, 'meta': Reduced(*calls[module])}, path)
    return path, mark


def test_plain_mmengine_runs_what_a_checkpoint_holds(tmp_path: Path) -> None:
    if REFUSES_FULL_CHECKPOINTS:
        pytest.skip('this MMEngine leaves weights_only to torch, which is True since 2.6')
    path, mark = hostile_checkpoint(tmp_path, 'posix')
    code = f"""
        from mmengine.runner.checkpoint import _load_checkpoint
        _load_checkpoint({str(path)!r})
    """
    python(code, check=True)
    assert mark.exists()


@pytest.mark.parametrize('module', ['posix', 'builtins', 'pathlib'])
def test_hostile_checkpoint_is_refused(tmp_path: Path, module: str) -> None:
    path, mark = hostile_checkpoint(tmp_path, module)
    with pytest.raises(pickle.UnpicklingError, match=r'hostile\.pth was not loaded'):
        load(path)
    assert not mark.exists()


def test_hostile_download_is_refused(tmp_path: Path) -> None:
    path, mark = hostile_checkpoint(tmp_path, 'posix')
    with pytest.raises(pickle.UnpicklingError, match='was not loaded'):
        mmengine_checkpoint.load_from_http(path.as_uri(), model_dir=str(tmp_path / 'cache'))
    assert not mark.exists()


@pytest.mark.parametrize(
    'reduced',
    [
        (getattr, (HistoryBuffer, '__init__')),
        (getattr, (HistoryBuffer, 'register_statistics')),
        (getattr, ('text', 'format')),
        (getattr, (np.dtype, 'newbyteorder')),
        (np.dtype, ('O', False, True)),
        (np.dtype, ('f8,O', False, True)),
        (np.dtype, ([('a', 'O')], False, True)),
        (np.ndarray, ((2,), 'f8')),
    ],
    ids=str,
)
def test_allow_list_is_no_back_door(tmp_path: Path, reduced: tuple[object, ...]) -> None:
    torch.save({'state_dict': Reduced(*reduced)}, tmp_path / 'checkpoint.pth')
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        load(tmp_path / 'checkpoint.pth')


def test_methods_of_a_history_buffer_cannot_be_called() -> None:
    """Serving a method must not make it callable from within a pickle."""
    served = (
        b'\x80\x02c__builtin__\ngetattr\n'
        b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
        b'X\x03\x00\x00\x00min\x86R'
    )
    with restricted_load.allow_list():
        assert weights_only_load(io.BytesIO(served + b'.')) is HistoryBuffer.min
        with pytest.raises(pickle.UnpicklingError, match='unrecognized function'):
            weights_only_load(io.BytesIO(served + b')R.'))


def test_pickled_dtype_cannot_claim_object_pointers(tmp_path: Path) -> None:
    """numpy takes the flags of a pickled dtype at face value, and would follow the pointers."""
    arguments, state = ('f8', False, True), (3, '<', None, None, None, -1, -1, 63)
    forged = pickle.loads(pickle.dumps(Reduced(np.dtype, arguments, state)))
    assert forged.hasobject, 'numpy no longer trusts the flags; the stand-in could go'
    torch.save({'dtype': Reduced(np.dtype, arguments, state)}, tmp_path / 'checkpoint.pth')
    loaded = load(tmp_path / 'checkpoint.pth')['dtype']
    assert loaded == np.dtype('<f8')
    assert not loaded.hasobject


@pytest.mark.parametrize(
    'value',
    [
        np.arange(6, dtype='<f8').reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype='>i4').reshape(2, 3)),
        np.array([], dtype=np.float16),
        np.array(3 + 4j),
        np.array([True, False]),
        np.array(['left', 'right']),
        np.float64(0.1),
        np.int64(-7),
        np.bool_(True),
        np.str_('name'),
        np.dtype('>f4'),
    ],
    ids=repr,
)
def test_numpy_values_survive(tmp_path: Path, value: object) -> None:
    torch.save({'values': [(value, 1)], 'again': value}, tmp_path / 'checkpoint.pth')
    loaded = load(tmp_path / 'checkpoint.pth')
    [(nested, _)] = loaded['values']
    for copy in (nested, loaded['again']):
        assert type(copy) is type(value)
        np.testing.assert_array_equal(copy, value)
        assert getattr(copy, 'dtype', copy) == getattr(value, 'dtype', value)
    if isinstance(value, np.ndarray):
        assert nested is loaded['again']
        assert nested.flags.f_contiguous == value.flags.f_contiguous
        assert nested.flags.writeable


class Note:
    """A class of the user, which the allow-list does not know."""

    def __init__(self) -> None:
        self.values = np.arange(3)


def test_allow_list_of_the_user_is_kept(tmp_path: Path) -> None:
    torch.save({'note': Note()}, tmp_path / 'checkpoint.pth')
    with pytest.raises(pickle.UnpicklingError, match=r'test_compat\.Note'):
        load(tmp_path / 'checkpoint.pth')
    before = set(torch.serialization.get_safe_globals())
    own = [Note, (np.dtype, 'numpy.dtype')]
    with torch.serialization.safe_globals(own):
        note = load(tmp_path / 'checkpoint.pth')['note']
        assert set(own) <= set(torch.serialization.get_safe_globals())
    assert type(note.values) is np.ndarray
    assert note.values.tolist() == [0, 1, 2]
    assert set(torch.serialization.get_safe_globals()) == before


class Line(BaseModel):
    """The smallest model that a Runner trains."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, inputs: torch.Tensor, mode: str = 'tensor') -> dict[str, torch.Tensor]:
        return {'loss': (self.weight * torch.stack(inputs)).square().mean()}


def make_runner(folder: Path, epochs: int, name: str, **options: object) -> Runner:
    return Runner(
        model=Line(),
        work_dir=str(folder),
        train_dataloader=dict(
            dataset=[{'inputs': torch.tensor(float(value))} for value in range(4)],
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2,
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, end=2),
            dict(type='CosineAnnealingLR', T_max=4, end=4),
        ],
        custom_hooks=[dict(type='EMAHook')],
        default_scope='mmengine',
        experiment_name=name,
        **options,
    )


@pytest.fixture(scope='module')
def full_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as MMEngine writes it: optimizer, schedulers, EMA and message hub."""
    folder = tmp_path_factory.mktemp('full')
    make_runner(folder, 2, 'compat_first').train()
    return folder / 'epoch_2.pth'


def test_full_checkpoint_loads(full_checkpoint: Path) -> None:
    loaded = load(full_checkpoint)
    assert {'state_dict', 'optimizer', 'param_schedulers', 'message_hub', 'meta'} <= set(loaded)
    expected = torch.load(full_checkpoint, map_location='cpu', weights_only=False)
    buffer = loaded['message_hub']['log_scalars']['train/loss']
    assert type(buffer) is HistoryBuffer
    original = expected['message_hub']['log_scalars']['train/loss']
    for values, true_values in zip(buffer.data, original.data, strict=True):
        assert type(values) is np.ndarray
        np.testing.assert_array_equal(values, true_values)
    assert buffer.statistics('mean') == original.statistics('mean')


def test_full_checkpoint_resumes(full_checkpoint: Path, tmp_path: Path) -> None:
    runner = make_runner(tmp_path, 4, 'compat_resumed', load_from=str(full_checkpoint), resume=True)
    runner.train()
    assert (runner.epoch, runner.iter) == (4, 8)
    unbroken = make_runner(tmp_path, 4, 'compat_unbroken')
    unbroken.train()
    assert runner.model.weight.item() == pytest.approx(unbroken.model.weight.item(), rel=1e-6)


def test_plain_mmengine_0_10_cannot_resume(full_checkpoint: Path) -> None:
    if not REFUSES_FULL_CHECKPOINTS:
        pytest.skip('MMEngine 0.11 reads full checkpoints, with an unpickler that runs anything')
    code = f"""
        from mmengine.runner.checkpoint import _load_checkpoint
        _load_checkpoint({str(full_checkpoint)!r})
    """
    assert 'Weights only load failed' in python(code).stderr


# Configuration bases


def test_config_package_is_unknown_to_plain_mmengine(tmp_path: Path) -> None:
    (tmp_path / 'child.py').write_text("_base_ = 'mmcl_ext::_base_/no_such_file.py'")
    code = f"""
        from mmengine.config import Config
        Config.fromfile({str(tmp_path / 'child.py')!r})
    """
    assert 'does not support to load mmcl_ext' in fault_of(code)
    assert 'does not support' not in python('import mmcl_ext\n' + textwrap.dedent(code)).stderr


def test_an_interrupt_of_writing_a_configuration_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain MMEngine says 'Failed to format the config file' where a process is to end."""
    from mmengine.config import Config, config
    from yapf.yapflib import yapf_api

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for module in (yapf_api, config):  # MMEngine 0.10 imports the function, 0.11 looks it up
        monkeypatch.setattr(module, 'FormatCode', interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        _ = Config(dict(a=1)).pretty_text


def test_yaml_runs_nothing_on_being_read(tmp_path: Path) -> None:
    """Plain MMEngine calls what a tag names."""
    from mmengine.fileio import load

    path, marker = tmp_path / 'a.yaml', tmp_path / 'marker'
    path.write_text(f'a: !!python/object/apply:os.system ["touch {marker}"]\n')
    run = f'import mmengine.fileio; mmengine.fileio.load({str(path)!r})'
    plain = python(run)
    assert (plain.returncode, marker.exists()) == (0, True)
    marker.unlink()
    with pytest.raises(Exception, match='python/object/apply'):
        load(path)
    assert not marker.exists()
