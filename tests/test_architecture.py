"""Imports go downwards only: the layers of the package, read from its source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = 'mmcl_ext'

# The rooms from the bottom up, see docs/architecture.md. The longest prefix of a module's name
# is its room; modules of one room may import each other, without cycles.
ROOMS = (
    'version',
    'fileio',
    'compat',
    'registry',
    'parallel',
    'config',
    'graphs',
    'models.layers',
    'models',
    'datasets.metainfo',
    'datasets.transforms',
    'datasets.samplers',
    'datasets.store',
    'datasets.validation',
    'datasets.converters',
    'datasets',
    'checkpoints',
    'evaluation',
    'preparation.videos',
    'visualization',
    'engine',
    'analysis',
    'mmcl',
    'deployment',
    'preparation.pose',
    'inference',
    'web',
    'preparation.extraction',
    'preparation.person_boxes',
    'preparation.composites',
    'preparation.text',
    'preparation.features',
    'preparation.own_videos',
    'preparation',
    'apis',
    'ablation',
    'synthetic',
    'cli',
    '__main__',
)
LEVELS = {room: level for level, room in enumerate(ROOMS)}

# What may name the co-learning branch; everything else works when it is deleted.
CO_LEARNING_ROOMS = ('mmcl', 'preparation', 'synthetic')


def level_of(module: str) -> int:
    """Return the layer of a dotted module name relative to the package."""
    parts = module.split('.')
    for length in range(len(parts), 0, -1):
        level = LEVELS.get('.'.join(parts[:length]))
        if level is not None:
            return level
    raise KeyError(f'{module} is in no room; add the room to ROOMS and to docs/architecture.md')


def modules(root: Path) -> dict[str, Path]:
    """Map dotted names relative to the package to their files, the root package left out."""
    found = {}
    for path in sorted((root / PACKAGE).rglob('*.py')):
        parts = path.relative_to(root / PACKAGE).with_suffix('').parts
        name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
        if name:
            found[name] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """Yield the modules of the package that a file imports, with line numbers."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}:{node.lineno}: relative import'
            base = node.module or ''
            # `from package import module` and `from module import name` look alike
            targets = [f'{base}.{alias.name}' for alias in node.names]
        else:
            continue
        for target in targets:
            if target.split('.')[0] != PACKAGE:
                continue
            name = target.removeprefix(f'{PACKAGE}.')
            while name and name not in known:
                name = name.rpartition('.')[0]
            if name:
                yield name, node.lineno


def is_package(path: Path) -> bool:
    return path.name == '__init__.py'


def test_imports_go_downwards(repo: Path) -> None:
    known = modules(repo)
    wrong = []
    for name, path in known.items():
        for target, line in imports_of(path, known):
            # A package's __init__ only gathers what lies in the package.
            gathers = is_package(path) and target.startswith(f'{name}.')
            if not gathers and level_of(target) > level_of(name):
                wrong.append(
                    f'{path.relative_to(repo)}:{line}: level {level_of(name)} imports '
                    f'{target} of level {level_of(target)}'
                )
    assert not wrong, '\n'.join(wrong)


def test_no_import_cycles(repo: Path) -> None:
    known = modules(repo)
    graph = {
        name: {target for target, _ in imports_of(path, known) if target != name}
        for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            cycle = ' -> '.join((*trail[trail.index(name) :], name))
            pytest.fail(f'import cycle: {cycle}')
        if name in done:
            return
        for target in sorted(graph[name]):
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_skeleton_layers_do_not_name_co_learning(repo: Path) -> None:
    """Deleting ``mmcl`` must leave the skeleton-only system whole, so nothing may name it."""
    wrong = []
    for name, path in modules(repo).items():
        if name.split('.')[0] in CO_LEARNING_ROOMS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = ast.unparse(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            if text and f'{PACKAGE}.mmcl' in text:
                wrong.append(f'{path.relative_to(repo)}:{node.lineno}')
    assert not wrong, '\n'.join(wrong)


def test_every_room_is_on_the_map(repo: Path) -> None:
    page = (repo / 'docs' / 'architecture.md').read_text()
    rows = [line.split('`')[1] for line in page.split('## ')[0].splitlines() if line[:3] == '| `']
    assert tuple(rows) == ROOMS


def test_the_first_page_names_every_folder(repo: Path) -> None:
    layout = (repo / 'README.md').read_text().split('## Layout')[1]
    named = set(re.findall(r'[`/](\w+)(?:\.py)?`', layout))
    assert {room.split('.')[0] for room in ROOMS} - named <= {'version', '__main__'}


def test_every_module_is_in_a_room(repo: Path) -> None:
    for name in modules(repo):
        level_of(name)


def test_public_names_exist(repo: Path) -> None:
    """Every name in an ``__all__`` is bound in its module."""
    for path in (repo / PACKAGE).rglob('*.py'):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            names = {target.id for target in getattr(node, 'targets', []) if hasattr(target, 'id')}
            if '__all__' not in names:
                continue
            bound = {
                alias.asname or alias.name
                for item in ast.walk(tree)
                if isinstance(item, (ast.Import, ast.ImportFrom))
                for alias in item.names
            }
            bound |= {
                item.name for item in tree.body if isinstance(item, (ast.FunctionDef, ast.ClassDef))
            }
            bound |= {
                target.id
                for item in tree.body
                if isinstance(item, ast.Assign)
                for target in item.targets
                if isinstance(target, ast.Name)
            }
            missing = set(ast.literal_eval(node.value)) - bound
            assert not missing, f'{path}: {sorted(missing)}'
