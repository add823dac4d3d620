"""Metrics. MMAction2's serve as they are: ``AccMetric`` gives top-k and mean class accuracy."""

__all__: list[str] = []
