"""The recorded commands themselves, with the real tools, on tiny data and a tiny network."""

import dataclasses
from pathlib import Path

import pytest
from tiny_data import FAST_OPTIONS, tiny_samples
from tool_module import load_tool

from mmcl_ext.datasets.class_map import class_names
from mmcl_ext.datasets.store import write_store

REPO = Path(__file__).resolve().parents[2]
rerun_results = load_tool(REPO / 'tools' / 'rerun_results.py')
OPTIONS = ' '.join(f'{key}={value}'.replace(' ', '') for key, value in FAST_OPTIONS.items())


def is_of_nwucla(command: str) -> bool:
    """Whether a command needs nothing but skeletons of Northwestern-UCLA, or score files."""
    return 'configs/skeleton/ctrgcn_15e_nwucla' in command or 'tools/ensemble.py' in command


def shrink(command: str) -> str:
    if 'tools/ensemble.py' in command:
        return command
    return f'{command}{" --cfg-options" * ("--cfg-options" not in command)} {OPTIONS}'


@pytest.fixture
def root(tmp_path):
    """A source tree with a store of 40 clips under the name of the real one."""
    root = tmp_path / 'tree'
    samples = list(tiny_samples(40, num_classes=10, layout='kinect_v1', num_person=1))
    names = [sample['name'] for sample in samples]
    write_store(
        root / 'data/nwucla/nwucla.safetensors',
        samples,
        layout='kinect_v1',
        classes=class_names('nwucla'),
        splits=dict(xview_train=names[:20], xview_val=names[20:]),
    )
    for name in ('configs', 'tools'):
        (root / name).symlink_to(REPO / name)
    return root


@pytest.mark.slow
def test_recorded_commands_give_their_numbers(root, tmp_path):
    recorded = rerun_results.load_results(REPO / 'docs/results.toml')
    chosen = [r for r in recorded if r.numbers and all(map(is_of_nwucla, r.commands))]
    assert chosen
    for result in chosen:
        small = dataclasses.replace(result, commands=tuple(map(shrink, result.commands)))
        found = small.rerun(root, tmp_path / 'again' / result.name)
        assert all(value is not None and 0 <= value <= 1 for value in found), found
        # What is finished is not run again: the tools are gone, the numbers stay.
        (root / 'tools').rename(root / 'away')
        assert small.rerun(root, tmp_path / 'again' / result.name) == found
        (root / 'away').rename(root / 'tools')
