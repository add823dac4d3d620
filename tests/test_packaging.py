"""What an installation holds, and that MMEngine finds our configs in each kind of it."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from mmengine.version import version_info as mmengine_version
from tiny_data import FAST_OPTIONS, write_tiny_data

SOURCES = (
    'setup.py',
    'pyproject.toml',
    'MANIFEST.in',
    'README.md',
    'LICENSE',
    'model-index.yml',
    'dataset-index.yml',
    'requirements',
    'configs',
    'tools',
    'zoo',
    'mmcl_ext',
)
CHILD = "_base_ = 'mmcl_ext::_base_/default_runtime.py'\nadded = 1\n"
OPTIONS = ('--no-deps', '--no-build-isolation', '--no-index', '--quiet')


def run(*command: str | Path, **environment: str) -> str:
    outer = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    # Safe path: the working directory holds the package, too.
    env = {**outer, 'PYTHONSAFEPATH': '1', 'PIP_DISABLE_PIP_VERSION_CHECK': '1', **environment}
    result = subprocess.run([*map(str, command)], env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope='module')
def source(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what packaging reads, so that building leaves the source tree alone."""
    copy = tmp_path_factory.mktemp('source')
    for name in SOURCES:
        if (repo / name).is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '.mim')
            shutil.copytree(repo / name, copy / name, ignore=ignore)
        else:
            shutil.copy(repo / name, copy)
    return copy


@pytest.fixture(scope='module')
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp('wheel')
    run(sys.executable, '-m', 'pip', 'wheel', *OPTIONS, '--wheel-dir', folder, source)
    [path] = folder.glob('mmcl_ext-*.whl')
    return zipfile.ZipFile(path)


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


def requirements(repo: Path, *names: str) -> set[str]:
    text = '\n'.join((repo / 'requirements' / f'{name}.txt').read_text() for name in names)
    lines = {line.partition('#')[0].strip() for line in text.splitlines()}
    return {re.sub(r'[\s_]', '', line).lower() for line in lines if line}


def loaded_base(python: str | Path, folder: Path, **environment: str) -> Path:
    """Load a config that inherits ours by package name; return the base's real path."""
    (folder / 'child.py').write_text(CHILD)
    code = f"""
import mmcl_ext
from mmengine.config import Config
from mmengine.config.config import get_installed_path
from mmengine.config.utils import _get_external_cfg_base_path
from mmengine.hub import get_config
config = Config.fromfile({str(folder / 'child.py')!r})
assert config.added == 1 and config.default_scope == 'mmcl_ext', config
assert get_config('mmcl_ext::_base_/default_runtime.py').default_scope == 'mmcl_ext'
package = get_installed_path('mmcl_ext')
print(_get_external_cfg_base_path(package, '_base_/default_runtime.py'))
"""
    return Path(run(python, '-W', 'ignore', '-c', code, **environment).splitlines()[-1]).resolve()


# Wheels


def test_wheel_holds_the_package_and_its_mim(source: Path, wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if '.dist-info/' not in name}
    package = {f'mmcl_ext/{name}' for name in files_below(source / 'mmcl_ext')}
    mim = {f'mmcl_ext/.mim/{top}/{name}' for top in ('configs', 'tools', 'zoo')
           for name in files_below(source / top) if not name.endswith('.safetensors')}  # fmt: skip
    indices = {f'mmcl_ext/.mim/{name}-index.yml' for name in ('model', 'dataset')}
    assert held == package | mim | indices
    assert any(name.startswith('mmcl_ext/.mim/configs/mmcl/') for name in held)
    assert 'mmcl_ext/.mim/zoo/metafile.yml' in held


def test_wheel_requires_what_the_files_say(repo: Path, wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith('.dist-info/METADATA')]
    metadata = Parser().parsestr(wheel.read(name).decode())
    stated: dict[str, set[str]] = {}
    for line in metadata.get_all('Requires-Dist', []):
        requirement, _, marker = line.partition(';')
        extra = re.search(r'extra == ["\'](\w+)["\']', marker)
        stated.setdefault(extra[1] if extra else '', set()).add(requirement)

    def normal(lines: set[str]) -> set[tuple[str, frozenset[str]]]:
        """Split names from version clauses, whose order setuptools may change."""
        parts = [
            re.split(r'(?=[<>=!~])', re.sub(r'[\s_()]', '', x).lower(), maxsplit=1) for x in lines
        ]
        return {(name, frozenset(rest[0].split(',') if rest else ())) for name, *rest in parts}

    assert normal(stated.pop('')) == normal(requirements(repo, 'runtime', 'lite'))
    assert set(stated) == {
        'detect',
        'deploy',
        'video',
        'encoders',
        'hub',
        'optional',
        'pose',
        'web',
        'tests',
        'docs',
    }
    for extra, lines in stated.items():
        assert normal(lines) == normal(requirements(repo, extra))
    assert 'Apache-2.0' in metadata['License'] + str(metadata.get('License-Expression'))


def test_the_source_package_gives_the_same_wheel(
    source: Path, wheel: zipfile.ZipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / 'copy'
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns('*.egg-info', 'build'))
    code = "import runpy, sys; sys.argv = ['setup.py', '-q', 'sdist']; runpy.run_path('setup.py')"
    monkeypatch.chdir(copy)
    run(sys.executable, '-W', 'ignore', '-c', code)
    [archive] = (copy / 'dist').glob('mmcl_ext-*.tar.gz')
    shutil.unpack_archive(archive, tmp_path / 'unpacked', filter='data')
    [unpacked] = (tmp_path / 'unpacked').iterdir()
    run(sys.executable, '-m', 'pip', 'wheel', *OPTIONS, '--wheel-dir', tmp_path, unpacked)
    [built] = tmp_path.glob('mmcl_ext-*.whl')
    assert set(zipfile.ZipFile(built).namelist()) == set(wheel.namelist())


def test_configs_are_found_in_an_installed_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site = tmp_path / 'site'
    wheel.extractall(site)
    base = loaded_base(sys.executable, tmp_path, PYTHONPATH=str(site))
    assert base == site.resolve() / 'mmcl_ext/.mim/configs/_base_/default_runtime.py'


def test_the_command_runs_the_tools_of_an_installed_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """Same main functions, no source tree."""
    target = tmp_path / 'site'
    run(sys.executable, '-m', 'pip', 'install', *OPTIONS, '--target', target, wheel.filename)
    command, environment = target / 'bin' / 'mmcl', {'PYTHONPATH': str(target)}
    listed = run(sys.executable, command, '--help', **environment)
    assert re.search(r'^  train +Train a recognizer$', listed, re.MULTILINE)
    names = {path.stem.replace('_', '-') for path in (target / 'mmcl_ext/.mim/tools').rglob('*.py')}
    assert {line.split()[0] for line in listed.split('commands:')[1].splitlines() if line} == names
    assert run(sys.executable, '-m', 'mmcl_ext', **environment) == listed
    shown = run(sys.executable, command, 'train', '--help', **environment)
    assert shown.startswith('usage: mmcl train ')
    wrong = subprocess.run(
        [sys.executable, command, 'trian'], env=environment, capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert wrong.stderr == "error: there is no command 'trian'; did you mean 'train'?\n"


@pytest.mark.skipif(sys.platform == 'win32', reason='Windows has no SIGPIPE')
def test_the_list_of_commands_may_be_cut_off() -> None:
    """As by ``mmcl --help | head -1``."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, '-m', 'mmcl_ext', '--help']
    listed = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert listed.stderr == b''


@pytest.mark.slow
def test_the_command_trains_a_configuration_by_name(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    write_tiny_data(tmp_path)
    site = tmp_path / 'site'
    wheel.extractall(site)
    options = [f'{key}={value}' for key, value in FAST_OPTIONS.items()]
    words = ('train', 'skeleton/ctrgcn_ntu60', '--cfg-options', 'train_cfg.max_epochs=1', *options)
    code = f'import os; os.chdir({str(tmp_path)!r}); from mmcl_ext.cli import main; main()'
    run(sys.executable, '-c', code, *words, PYTHONPATH=str(site))
    assert (tmp_path / 'work_dirs/skeleton/ctrgcn_ntu60/epoch_1.pth').is_file()


# Editable installs


@pytest.fixture(scope='module')
def editable(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a throw-away environment with an editable install.

    It sees the packages of this environment by a path file, but not the editable installs in it.
    """
    folder = tmp_path_factory.mktemp('editable')
    run(sys.executable, '-m', 'venv', '--without-pip', folder)
    python = folder / 'bin' / 'python'
    site = run(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').strip()
    Path(site, 'parent.pth').write_text(sysconfig.get_path('purelib'))
    install = ('install', '--ignore-installed', *OPTIONS, '--editable', source)
    run(sys.executable, '-m', 'pip', '--python', python, *install)
    return python


def test_configs_are_found_in_an_editable_install(
    editable: Path, source: Path, tmp_path: Path
) -> None:
    configs = source.resolve() / 'configs'
    assert loaded_base(editable, tmp_path) == configs / '_base_' / 'default_runtime.py'
    link = source / 'mmcl_ext' / '.mim' / 'configs'
    assert link.is_symlink()
    assert not os.path.isabs(os.readlink(link)), 'the tree must stay movable'


def test_plain_mmengine_0_10_misses_editable_installs(editable: Path) -> None:
    if mmengine_version[:2] >= (0, 11):
        pytest.skip('MMEngine 0.11 finds editable installs')
    code = "from mmengine.utils import get_installed_path as find; print(find('mmcl_ext'))"
    assert not Path(run(editable, '-W', 'ignore', '-c', code).split()[-1]).exists()


def test_configs_added_to_an_editable_install_are_found(
    editable: Path, source: Path, tmp_path: Path
) -> None:
    (source / 'configs' / 'skeleton' / 'added_later.py').write_text('value = 7\n')
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmcl_ext::skeleton/added_later.py'\n")
    code = f"""
import mmcl_ext
from mmengine.config import Config
print(Config.fromfile({str(child)!r}).value)
"""
    assert run(editable, '-W', 'ignore', '-c', code).split()[-1] == '7'


def test_wheel_of_a_tree_with_an_editable_install(
    editable: Path, source: Path, tmp_path: Path
) -> None:
    """The links of the editable install must not get into the wheel beside the copies."""
    run(sys.executable, '-m', 'pip', 'wheel', *OPTIONS, '--wheel-dir', tmp_path, source)
    [path] = tmp_path.glob('mmcl_ext-*.whl')
    names = zipfile.ZipFile(path).namelist()
    assert len(names) == len(set(names))
    assert 'mmcl_ext/.mim/configs/_base_/default_runtime.py' in names


# The files beside the package


def test_imports_of_the_package_are_declared(repo: Path) -> None:
    """Every third-party module imported at module level stands in the requirements."""
    provided = {
        'PIL': 'pillow',
        'cv2': 'mmaction2',
        'mmaction': 'mmaction2',
        'mmcv': 'mmcv-lite',
        'yaml': 'pyyaml',
    }
    declared = {re.split(r'[<>=]', line)[0] for line in requirements(repo, 'runtime', 'lite')}
    missing = set()
    for path in (repo / 'mmcl_ext').rglob('*.py'):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or '']
            else:
                continue
            for name in {name.partition('.')[0] for name in names}:
                if name not in sys.stdlib_module_names and name != 'mmcl_ext':
                    distribution = provided.get(name, name)
                    missing |= {f'{path}: {name}'} if distribution not in declared else set()
    assert not missing, '\n'.join(sorted(missing))


def test_constraints_pin_what_is_required(repo: Path) -> None:
    lines = (repo / 'requirements' / 'constraints.txt').read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith('#')]
    assert all(re.fullmatch(r'[A-Za-z0-9._-]+==[^\s,]+', pin) for pin in pins)
    pinned = {pin.partition('==')[0].lower().replace('_', '-') for pin in pins}
    required = requirements(
        repo, 'runtime', 'lite', 'detect', 'encoders', 'pose', 'web', 'tests', 'docs'
    )
    names = {re.split(r'[<>=!]', line)[0] for line in required}
    assert names <= pinned, names - pinned


@pytest.mark.parametrize('path', ['Makefile', '.ci/run'])
def test_pip_never_resolves_versions_freely(repo: Path, path: str) -> None:
    """An unpinned torch is a download of gigabytes of another version than the tested one."""
    text = (repo / path).read_text().replace('\\\n', ' ')
    installs = [line for line in text.splitlines() if 'pip install' in line and '#' not in line]
    pinned = ('$(CONSTRAINTS)', '--no-deps', '$(2)')
    assert all(any(word in line for word in pinned) for line in installs), installs
    constrained = re.findall(r'call INSTALL,[^,]+,(.+)\)$', text, re.M)
    assert constrained == ['$(CONSTRAINTS)', '-c requirements/$*.txt'][: len(constrained)]


def test_missing_python_is_named(repo: Path) -> None:
    make = shutil.which('make')
    if make is None:
        pytest.skip('make is not installed')
    command = [make, '-C', str(repo), 'check-machine']
    result = subprocess.run([*command, 'PYTHON=/no/such/python'], capture_output=True, text=True)
    assert result.returncode != 0
    assert 'Python 3.11 or 3.12' in result.stdout
    good = subprocess.run([*command, f'PYTHON={sys.executable}'], capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr


def test_old_python_is_named(repo: Path, tmp_path: Path) -> None:
    make = shutil.which('make')
    if make is None:
        pytest.skip('make is not installed')
    old = tmp_path / 'python'
    start = 'import sys; sys.version_info = (3, 9, 1, "final", 0); sys.argv = sys.argv[1:]'
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c \'{start}; exec(sys.argv[1])\' "$@"\n')
    old.chmod(0o755)
    command = [make, '-C', str(repo), 'check-machine', f'PYTHON={old}']
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0
    assert 'Missing on this machine' in result.stderr
    assert 'Python 3.11 or 3.12' in result.stderr
