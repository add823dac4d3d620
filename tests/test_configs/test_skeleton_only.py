import os
import subprocess
import sys
from pathlib import Path

from test_models.catalogue import names

from mmcl_ext.graphs import layout_names

HERE = Path(__file__).parent
CONFIGS = HERE.parents[1] / 'configs'


def run(*args):
    command = [sys.executable, str(HERE / 'skeleton_only.py'), *args]
    path = os.pathsep.join([str(HERE.parent), os.environ.get('PYTHONPATH', '')])
    env = dict(os.environ, PYTHONPATH=path)
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)


def test_the_skeleton_path_is_complete_without_co_learning():
    result = run(str(CONFIGS))
    assert result.returncode == 0, result.stderr
    lines = set(result.stdout.splitlines())
    built = {f'built {path.stem}' for path in CONFIGS.glob('skeleton/*.py')}
    stepped = {f'stepped {backbone} {layout}' for backbone in names() for layout in layout_names()}
    assert len(stepped) >= 30
    assert built | stepped <= lines


def test_the_blocker_blocks(tmp_path):
    folder = tmp_path / 'skeleton'
    folder.mkdir()
    (folder / 'bad.py').write_text("custom_imports = dict(imports=['mmcl_ext.mmcl'])\n")
    result = run(str(tmp_path))
    assert result.returncode != 0
    assert 'mmcl_ext.mmcl is blocked' in result.stderr
