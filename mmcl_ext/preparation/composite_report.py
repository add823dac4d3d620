"""What a run over a folder of composites did."""

from dataclasses import dataclass, field


@dataclass
class CompositeReport:
    """Counts of a run; ``str()`` makes the text for the user.

    Attributes:
        folder: Folder of the composites.
        present: Composites that were there before the run.
        made: Composites made by the run.
        missing: Samples without a clip in the source.
        failed: Reason by sample that could not be read and was skipped.
        frames_without_person: Tiles that show the whole frame, because no person was found.
    """

    folder: str
    present: int = 0
    made: int = 0
    missing: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    frames_without_person: int = 0

    @property
    def complete(self) -> bool:
        """Whether every sample has its composite."""
        return not self.missing and not self.failed

    def add(self, name: str, frames_without_person: int, error: str | None) -> None:
        """Count one sample.

        Args:
            name: Its name.
            frames_without_person: Its tiles that show the whole frame.
            error: Why it was skipped, None when its composite was written.
        """
        if error is not None:
            self.failed[name] = error
            return
        self.made += 1
        self.frames_without_person += frames_without_person

    def __str__(self) -> str:
        lines = [
            f'{self.folder}: {self.made} composites made, {self.present} were there, '
            f'{len(self.missing)} without a clip, {len(self.failed)} failed; '
            f'{self.frames_without_person} tiles without a person'
        ]
        lines += [f'WITHOUT A CLIP {name}' for name in self.missing]
        lines += [f'FAILED {name}: {error}' for name, error in self.failed.items()]
        return '\n'.join(lines)
