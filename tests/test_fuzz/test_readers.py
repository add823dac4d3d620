"""Files that are damaged in any way are read, or refused by an error that names them."""

from pathlib import Path

import containers
import model_files
import pickles
import pytest
import raw_files
from fuzzing import LONG_RUNS, SHORT_RUNS, Target, check

TARGETS = containers.TARGETS | raw_files.TARGETS | pickles.TARGETS | model_files.TARGETS


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    file_name, read, seeds, mutate = TARGETS[request.param]
    return Target(request.param, file_name, seeds(tmp_path), read, mutate)


def test_damaged_files(target: Target, tmp_path: Path) -> None:
    check(target, tmp_path / 'damaged', SHORT_RUNS)


@pytest.mark.slow
def test_many_damaged_files(target: Target, tmp_path: Path) -> None:
    check(target, tmp_path / 'damaged', LONG_RUNS)
