"""Take over trainings that have ended elsewhere."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmcl_ext.ablation.run import Run


def reuse(runs: Sequence[Run], folders: Sequence[str | Path]) -> Iterator[str]:
    """Give every run without a result the work folder with its configuration and seed.

    Yields:
        One line for each work folder; the folders are such, or hold such.

    Raises:
        FileNotFoundError: A folder does not exist.
    """
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise FileNotFoundError(f'no folder at {folder}')
        is_one = (folder / 'last_checkpoint').is_file()
        found = sorted(path.parent for path in folder.glob('*/last_checkpoint'))
        for work_dir in [folder] if is_one else found:
            yield _offer([run for run in runs if not run.result], work_dir)


def take(runs: Sequence[Run], assignment: str) -> str:
    """Give a run the work folder of ``VARIANT:SEED=FOLDER`` and return a line about it.

    The configuration in the folder may differ; the table then says so.

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


def _offer(runs: Sequence[Run], work_dir: Path) -> str:
    reasons = []
    for run in runs:
        try:
            run.reuse(work_dir)
            return f'{run}: trained in {work_dir}'
        except (ValueError, OSError) as error:
            reasons.append(str(error))
    return f'{work_dir} is not used: {min(reasons, key=len, default="no run is left")}'
