"""What a converter found and wrote."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ConversionReport:
    """Counts of a finished conversion; ``str()`` makes the text for the user.

    Attributes:
        out: File that was written.
        num_samples: Samples in it.
        num_frames: Frames of all samples together.
        splits: Number of samples by split.
        missing: Names that the data set should have and the source has not.
        ignored: Files of the source that belong to no known sample.
        seconds: Time the conversion took.
    """

    out: str
    num_samples: int
    num_frames: int
    splits: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        splits = ', '.join(f'{name} {count}' for name, count in self.splits.items())
        lines = [
            f'{self.out}: {self.num_samples} samples, {self.num_frames} frames, '
            f'{self.seconds:.1f} s',
            f'splits: {splits}',
        ]
        if self.missing:
            lines.append(f'MISSING {len(self.missing)} samples: {_some(self.missing)}')
        if self.ignored:
            lines.append(f'ignored {len(self.ignored)} other files: {_some(self.ignored)}')
        return '\n'.join(lines)


def _some(names: tuple[str, ...], limit: int = 20) -> str:
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return ' '.join(names[:limit]) + more
