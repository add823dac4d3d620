"""Files that are damaged in any way are read, or refused by an error that names them."""

import multiprocessing
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


def check_runtime(runtime: str, folder: Path, runs: int) -> None:
    file_name, read, seeds, mutate = model_files.RUNTIMES[runtime]
    target = Target(runtime, file_name, seeds(folder), read, mutate)
    check(target, folder / 'damaged', runs)


@pytest.mark.parametrize('runtime', model_files.RUNTIMES)
@pytest.mark.parametrize('runs', [SHORT_RUNS, pytest.param(LONG_RUNS, marks=pytest.mark.slow)])
def test_networks_in_runtimes_of_others(runtime: str, runs: int, tmp_path: Path) -> None:
    """In a process of its own: their code may crash. A fork would lack OpenVINO's threads."""
    pytest.importorskip(runtime)
    process = multiprocessing.get_context('spawn').Process(
        target=check_runtime, args=(runtime, tmp_path, runs)
    )
    process.start()
    process.join()
    assert process.exitcode == 0, f'a file at {tmp_path / "damaged"} ends {runtime}'
