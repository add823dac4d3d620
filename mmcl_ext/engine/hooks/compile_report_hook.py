"""Say what ``torch.compile`` costs."""

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcl_ext.fileio.printable import counted
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class CompileReportHook(Hook):
    """Log the first step of a compiled training, and what is compiled again after the first ones.

    The first step is logged with its time, the graphs that it compiled, those of them that
    inductor's cache held, and the breaks between them, where Python runs. The next steps compile
    some again, for counters that were taken for constants. From the first step on that compiles
    nothing, ``recompiled`` counts; where it keeps growing, shapes or settings change.

    Args:
        interval: Steps between two values of ``recompiled``; that of the log.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._begun: float | None = None
        self._before = self._last = _Counts()
        self._settled: _Counts | None = None
        self._steps = 0
        self._warned = False

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Start the clock."""
        if self._begun is None:
            self._begun = time.perf_counter()
            self._before = self._last = _Counts.read()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Log the first steps, later what was compiled again."""
        counts, last = _Counts.read(), self._last
        self._steps, self._last = self._steps + 1, counts
        if self._settled is None:
            self._look_at_start(runner, counts, last)
            return
        recompiled = counts.graphs - self._settled.graphs
        if recompiled and not self._warned:
            self._warned = True
            runner.logger.warning(
                f'torch.compile: {counted(recompiled, "graph")} compiled again in step '
                f'{batch_idx + 1}; "recompiled" in the log counts on. A last batch of another size '
                'does it once; if the number keeps growing, try compile.dynamic=True'
            )
        if self.every_n_inner_iters(batch_idx, self.interval):
            runner.message_hub.update_scalar('train/recompiled', recompiled)

    def _look_at_start(self, runner: Runner, counts: '_Counts', last: '_Counts') -> None:
        seconds = time.perf_counter() - (self._begun or 0.0)
        what = counts.describe(self._before)
        if self._steps == 1:
            runner.logger.info(f'torch.compile: the first step took {seconds:.1f} s: {what}')
        elif counts.graphs == last.graphs:
            self._settled = counts
            runner.logger.info(
                f'torch.compile: step {self._steps} is the first that compiled nothing, after '
                f'{seconds:.1f} s: {what}'
            )


class _Counts(NamedTuple):
    """What has been compiled in this process so far."""

    graphs: int = 0
    breaks: int = 0
    cached: int = 0

    @classmethod
    def read(cls) -> '_Counts':
        from torch._dynamo.utils import counters  # imports much of the compiler

        return cls(
            counters['stats']['unique_graphs'],
            sum(counters['graph_break'].values()),
            counters['inductor']['fxgraph_cache_hit'],
        )

    def describe(self, before: '_Counts') -> str:
        """Say what has been added."""
        from torch._inductor.runtime.cache_dir_utils import default_cache_dir

        folder = os.environ.get('TORCHINDUCTOR_CACHE_DIR') or default_cache_dir()
        return (
            f'{counted(self.graphs - before.graphs, "graph")} compiled, '
            f'{self.cached - before.cached} of them found in {folder} '
            f'(TORCHINDUCTOR_CACHE_DIR), {counted(self.breaks - before.breaks, "break")} '
            'between them'
        )
