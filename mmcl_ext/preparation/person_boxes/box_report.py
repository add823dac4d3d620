from dataclasses import dataclass, field

from mmcl_ext.datasets.store.box_file import BoxCount
from mmcl_ext.fileio.printable import counted
from mmcl_ext.parallel.progress import clock
from mmcl_ext.preparation.extraction.sharding import ExtractionReport

_FALLBACKS = {
    'frame': 'the whole frame instead',
    'nearest': "the nearest frame's box instead, else the whole frame",
}


@dataclass
class BoxReport(ExtractionReport):
    """Counts of a run over persons; ``str()`` makes the text for the user."""

    count: BoxCount = field(default_factory=lambda: BoxCount(0, 0, 0))
    fallback: str = 'frame'

    def __str__(self) -> str:
        lines = [f'SKIPPED {name}: {reason}' for name, reason in self.skipped.items()]
        made = self.total - self.present - len(self.skipped)
        absent = f'no person in {counted(self.count.without_person, "frame")}'
        if self.count.without_person:
            absent += f' of {counted(self.count.samples, "sample")} ({_FALLBACKS[self.fallback]})'
        lines.append(
            f'{self.target}: {counted(self.total, "sample")}, {made} boxed, '
            f'{self.present} were there, {len(self.skipped)} skipped; '
            f'{counted(self.count.boxes, "box", "boxes")}, {absent}; '
            f'{clock(self.seconds)}'
        )
        return '\n'.join(lines)
