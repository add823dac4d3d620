"""Change one operator, number or condition of a module at a time, and see whether its tests fail.

A mutant that survives shows a line that no test looks at, or a change without effect. Each mutant
runs in a process of its own, forked after PyTorch was imported::

    python benchmarks/mutation_testing.py mmcl_ext/mmcl/losses/contrastive_loss.py \
        tests/test_mmcl/test_contrastive_loss.py --mutants 20
"""

import argparse
import ast
import contextlib
import copy
import io
import os
import random
import signal
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

import mmaction  # noqa: F401
import pytest

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And},
}
MOST_SECONDS = 300


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('module', type=Path)
    parser.add_argument('tests', nargs='+')
    parser.add_argument('--mutants', type=int, default=20, help='sample of this many (20)')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, change and source of each mutant."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        changed = copy.deepcopy(tree)
        other = next(found for i, found in enumerate(ast.walk(changed)) if i == place)
        if what := _mutate(other):
            yield node.lineno, what, ast.unparse(changed)


def _mutate(node: ast.AST) -> str | None:
    """Change a node in place, and say how; None where there is nothing to change."""
    for field in ('op', 'ops'):
        found = getattr(node, field, None)
        first = found[0] if isinstance(found, list) else found
        if type(first) in SWAPS:
            swapped = SWAPS[type(first)]()
            setattr(node, field, [swapped, *found[1:]] if isinstance(found, list) else swapped)
            return f'{type(first).__name__} to {type(swapped).__name__}'
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        old = node.value
        node.value = not old if isinstance(old, bool) else old + 1
        return f'{old} to {node.value}'
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.op = ast.UAdd()
        return 'not left out'
    return None


def survives(path: Path, source: str, tests: list[str]) -> bool:
    """Run the tests on a mutant in another process."""
    child = os.fork()
    if child == 0:
        signal.alarm(MOST_SECONDS)
        with open(os.devnull, 'w') as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        original = SourceFileLoader.get_code

        def get_code(self: SourceFileLoader, name: str) -> object:
            if Path(self.get_filename(name)).resolve() == path:
                return compile(source, path, 'exec')
            return original(self, name)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        with contextlib.redirect_stdout(io.StringIO()):
            os._exit(
                int(pytest.main(['-q', '-x', '-p', 'no:xdist', '-p', 'no:cacheprovider', *tests]))
            )
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    args = parse_args()
    path = args.module.resolve()
    source = path.read_text(encoding='utf-8')
    if not survives(path, source, args.tests):
        raise SystemExit('error: the tests fail without any change')
    every = list(mutants(source))
    sample = random.Random(args.seed).sample(every, min(args.mutants, len(every)))
    alive = 0
    for line, what, changed in sorted(sample):
        if survives(path, changed, args.tests):
            alive += 1
            print(f'survives: {args.module}:{line}: {what}', flush=True)
    print(f'{args.module}: {len(sample) - alive} of {len(sample)} mutants are found', flush=True)


if __name__ == '__main__':
    main()
