"""Take over trainings that have ended elsewhere."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmcl_ext.ablation.run import Run


def reuse(runs: Sequence[Run], folders: Sequence[str | Path]) -> Iterator[str]:
    """Give every run without a result the work folder with its configuration and seed.

    Args:
        runs: The runs.
        folders: Work folders, or folders of work folders.

    Yields:
        One line for each folder.

    Raises:
        FileNotFoundError: A folder does not exist.
    """
    for folder in folders:
        if not Path(folder).is_dir():
            raise FileNotFoundError(f'no folder at {folder}')
        for work_dir in _work_dirs(Path(folder)):
            yield _offer(runs, work_dir)


def take(runs: Sequence[Run], assignment: str) -> str:
    """Give one run a work folder, whatever the configuration in it says.

    Where the two differ, the table says so.

    Args:
        runs: The runs.
        assignment: ``VARIANT:SEED=FOLDER``.

    Returns:
        A line about it.

    Raises:
        FileNotFoundError: The folder has no configuration or no checkpoint.
        ValueError: There is no such run, or its training has not ended.
    """
    name, _, folder = assignment.partition('=')
    found = [run for run in runs if f'{run.variant.name}:{run.seed}' == name]
    if not found or not folder:
        raise ValueError(f'--take needs VARIANT:SEED=FOLDER with a planned run, got {assignment!r}')
    if found[0].result:
        return f'{found[0]}: has a result already'
    found[0].reuse(Path(folder), whatever_config=True)
    return f'{found[0]}: trained in {folder}'


def _work_dirs(folder: Path) -> list[Path]:
    if (folder / 'last_checkpoint').is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob('*/last_checkpoint'))


def _offer(runs: Sequence[Run], work_dir: Path) -> str:
    reasons = []
    for run in runs:
        if run.result:
            continue
        try:
            run.reuse(work_dir)
        except (ValueError, OSError) as error:
            reasons.append(str(error))
        else:
            return f'{run}: trained in {work_dir}'
    closest = min(reasons, key=len, default='no run is left')
    return f'{work_dir} is not used: {closest}'
