"""What a run over a folder of composites did."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mmcl_ext.parallel.progress import clock

_SHOWN = 20


@dataclass
class CompositeReport:
    """Counts of a run; ``str()`` makes the text for the user.

    Attributes:
        present: Composites that were there before the run.
        missing: Samples without a clip in the source.
        failed: Reason by sample that could not be read and was skipped.
        frames_without_person: Tiles in which no person was found, of all composites, those of
            earlier runs included; None where nobody was looked for.
    """

    folder: str
    present: int = 0
    made: int = 0
    missing: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    frames_without_person: int | None = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every sample has its composite."""
        return not self.missing and not self.failed

    @property
    def problems(self) -> dict[str, str]:
        """Why a sample has no composite, by name."""
        return {**dict.fromkeys(self.missing, 'no clip in the source'), **self.failed}

    def add(self, name: str, error: str | None) -> None:
        """Count one sample, with the reason if it was skipped."""
        if error is None:
            self.made += 1
        else:
            self.failed[name] = error

    def add_reports(self, others: Iterable['CompositeReport']) -> None:
        """Count what other processes have made and skipped."""
        for other in others:
            self.made += other.made
            self.failed |= other.failed

    def __str__(self) -> str:
        lines = [f'WITHOUT A CLIP {name}' for name in self.missing[:_SHOWN]]
        lines += _more(len(self.missing))
        lines += [f'FAILED {name}: {error}' for name, error in list(self.failed.items())[:_SHOWN]]
        lines += _more(len(self.failed))
        absent = f'{self.frames_without_person} tiles without a person; '
        absent = '' if self.frames_without_person is None else absent
        lines.append(
            f'{self.folder}: {self.made} composites made, {self.present} were there, '
            f'{len(self.missing)} without a clip, {len(self.failed)} failed; '
            f'{absent}{clock(self.seconds)}'
        )
        return '\n'.join(lines)


def _more(count: int) -> list[str]:
    return [f'and {count - _SHOWN} more, see problems.json'] if count > _SHOWN else []
