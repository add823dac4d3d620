"""What a check of data found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmcl_ext.fileio.printable import name_list, printable

KINDS = (
    'missing',
    'empty',
    'few',
    'NaN',
    'doubled',
    'scale',
    'axes',
    'unreadable',
    'unknown',
)
"""What can be wrong with a sample's data."""


@dataclass(frozen=True)
class DataIssue:
    """One kind of fault and the samples that have it, or other names that ``problem`` explains."""

    kind: str
    problem: str
    samples: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'kind {self.kind!r}: known are {KINDS}')

    def describe(self, num_shown: int = 10) -> str:
        """Return the finding as text, with at most ``num_shown`` names."""
        names = name_list(self.samples, num_shown)
        return f'{self.kind:10s} {len(self.samples):6d}  {printable(self.problem)}: {names}'


def collect(kind: str, problem: str, samples: Iterable[str]) -> list[DataIssue]:
    """Return a finding, or nothing when no sample has the fault."""
    names = tuple(samples)
    return [DataIssue(kind, problem, names)] if names else []


def groups_of_equals(names: Sequence[str], digests: Sequence[bytes | None]) -> list[str]:
    """Name the samples of equal digests, a text ``a = b = c`` for each group; None is left out."""
    groups: dict[bytes, list[str]] = {}
    for name, digest in zip(names, digests, strict=True):
        if digest is not None:
            groups.setdefault(digest, []).append(name)
    return [' = '.join(group) for group in groups.values() if len(group) > 1]
