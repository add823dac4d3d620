"""What a release and a contribution are made of: versions, workflows, templates, hooks."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.fileio import load

from mmcl_ext.version import __version__

REPO = Path(__file__).resolve().parents[1]
WORKFLOWS = REPO / '.github/workflows'
FORMS = sorted((REPO / '.github/ISSUE_TEMPLATE').glob('*.md'))


def constraint(name: str) -> str:
    text = (REPO / 'requirements/constraints.txt').read_text()
    found = re.search(rf'^{name}==(\S+)', text, re.MULTILINE)
    assert found
    return found[1]


def runs(job: dict) -> list[str]:
    return [step['run'] for step in job['steps'] if 'run' in step]


def test_the_versions_agree() -> None:
    assert load(REPO / 'CITATION.cff', file_format='yaml')['version'] == __version__
    headings = re.findall(
        r'^## (\d+\.\d+\.\d+) \((.+)\)$', (REPO / 'CHANGELOG.md').read_text(), re.M
    )
    assert headings[0][0] == __version__
    assert re.fullmatch(r'not yet tagged|20\d\d-\d\d-\d\d', headings[0][1])


def test_the_citation_has_what_the_format_needs() -> None:
    citation = load(REPO / 'CITATION.cff', file_format='yaml')
    assert {'cff-version', 'message', 'title', 'authors'} <= set(citation)
    [paper] = citation['references']
    assert {'type', 'title', 'authors'} <= set(paper)
    assert paper['url'] in (REPO / 'README.md').read_text()
    assert citation['license'] in (REPO / 'setup.py').read_text()


def test_the_workflow_runs_what_ci_runs_on_both_pythons() -> None:
    job = load(WORKFLOWS / 'ci.yml')['jobs']['tests']
    assert '.ci/run' in runs(job)
    assert (REPO / '.ci/run').stat().st_mode & 0o111
    classifiers = re.findall(r'Python :: (3\.\d+)', (REPO / 'setup.py').read_text())
    assert job['strategy']['matrix']['python'] == classifiers


def test_a_release_is_tested_before_it_is_published() -> None:
    jobs = load(WORKFLOWS / 'release.yml')['jobs']
    assert jobs['test']['needs'] == 'build'
    assert jobs['publish']['needs'] == 'test'
    assert jobs['publish']['permissions'] == {'id-token': 'write'}
    assert {'whl', 'tar.gz'} == set(jobs['test']['strategy']['matrix']['kind'])
    text = (WORKFLOWS / 'release.yml').read_text()
    assert 'secrets.' not in text
    # The keys of YAML 1.1 hold `on` as True.
    assert load(WORKFLOWS / 'release.yml')[True] == {'push': {'tags': ['v*']}}


def test_the_release_names_its_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [build] = [
        step
        for step in load(WORKFLOWS / 'release.yml')['jobs']['build']['steps']
        if step.get('run', '').startswith('python -m build')
    ]
    [variable] = build['env']
    monkeypatch.setenv(variable, 'https://example.org/them/mmcl_ext')
    command = [sys.executable, '-W', 'ignore', 'setup.py', '-q', 'egg_info', '-e', str(tmp_path)]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True)
    text = (tmp_path / 'mmcl_ext.egg-info/PKG-INFO').read_text()
    urls = dict(re.findall(r'^Project-URL: (\w+), (.+)$', text, re.M))
    assert urls['Source'] == 'https://example.org/them/mmcl_ext'
    assert urls['Issues'].startswith(urls['Source'])
    assert 'arxiv.org' in urls['Paper']


@pytest.mark.parametrize(('tag', 'heading', 'passes'), [
    ('v{}', '## {} (2030-01-31)', True),
    ('v9.9.9', '## {} (2030-01-31)', False),
    ('v{}', '## {} (not yet tagged)', False),
])  # fmt: skip
def test_the_release_compares_tag_version_and_changes(
    tmp_path: Path, tag: str, heading: str, passes: bool
) -> None:
    [check, *_] = runs(load(WORKFLOWS / 'release.yml')['jobs']['build'])
    (tmp_path / 'mmcl_ext').mkdir()
    (tmp_path / 'mmcl_ext/version.py').write_text((REPO / 'mmcl_ext/version.py').read_text())
    (tmp_path / 'CHANGELOG.md').write_text(heading.format(__version__) + '\n')
    environment = {'GITHUB_REF_NAME': tag.format(__version__), 'PATH': '/usr/bin:/bin'}
    script = check.replace('python ', f'{shlex.quote(sys.executable)} ')
    done = subprocess.run(['bash', '-e', '-c', script], cwd=tmp_path, env=environment)
    assert (done.returncode == 0) == passes


@pytest.mark.parametrize('workflow', sorted(WORKFLOWS.glob('*.yml')), ids=lambda path: path.name)
def test_make_targets_of_workflows_exist(workflow: Path) -> None:
    makefile = (REPO / 'Makefile').read_text()
    for job in load(workflow)['jobs'].values():
        for target in re.findall(r'^make (\S+)', '\n'.join(runs(job)), re.M):
            assert re.search(rf'^{target}:', makefile, re.M)


def test_the_hooks_use_the_version_of_the_constraints() -> None:
    [repository] = load(REPO / '.pre-commit-config.yaml', file_format='yaml')['repos']
    assert repository['repo'] == 'local'
    assert len(repository['hooks']) == 2
    for hook in repository['hooks']:
        assert hook['additional_dependencies'] == [f'ruff=={constraint("ruff")}']


@pytest.mark.parametrize('form', FORMS, ids=lambda path: path.name)
def test_a_form_has_its_header(form: Path) -> None:
    header = form.read_text().split('---\n')[1]
    assert {line.split(':')[0] for line in header.splitlines()} == {'name', 'about', 'labels'}


def test_the_command_of_the_forms_collects_the_environment() -> None:
    texts = [form.read_text() for form in FORMS if form.name != 'feature_request.md']
    [command] = {
        c for text in texts for c in re.findall(r'^python (-c .*collect_env.*)$', text, re.M)
    }
    assert len(texts) == 2
    done = subprocess.run(
        [sys.executable, *shlex.split(command)], capture_output=True, text=True, check=True
    )
    assert re.search(r'^PyTorch: \d', done.stdout, re.M)
    assert re.search(r'^MMEngine: \d', done.stdout, re.M)


def test_the_guide_names_files_that_exist() -> None:
    text = (REPO / 'CONTRIBUTING.md').read_text()
    named = re.findall(
        r'\]\((?!http)([\w./-]+)(?:#[\w-]+)?\)|`((?:tests|docs|tools|requirements)/[\w./-]+)`', text
    )
    paths = [link or code for link, code in named]
    assert len(paths) > 8
    assert [path for path in paths if not (REPO / path).exists()] == []


def test_the_lowest_versions_are_those_of_the_requirements() -> None:
    def read(name: str, sign: str) -> dict[str, str]:
        text = (REPO / 'requirements' / f'{name}.txt').read_text()
        return dict(re.findall(rf'^([\w-]+){sign}([\w.]+)', text, re.M))

    admitted = {k: v.removesuffix('rc0') for k, v in read('runtime', '[>=]=').items()}
    admitted |= read('lite', '>=')
    lowest = read('lowest', '==')
    assert lowest.keys() == admitted.keys()
    for name, version in admitted.items():
        assert re.fullmatch(rf'{re.escape(version)}(\.0)*', lowest[name]), name


def test_the_image_installs_what_make_installs() -> None:
    text = (REPO / 'Dockerfile').read_text().replace('\\\n', ' ')
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if line and line[0] != '#'][:2] == ['ARG', 'FROM']
    installs = re.findall(r'pip install ([^&\n]*)', text)
    assert len(installs) == 3
    assert all('-c requirements/constraints.txt' in x or '--no-deps' in x for x in installs)
    for source in re.findall(r'^COPY (\S+)', text, re.M):
        assert (REPO / source).exists()
    assert re.search(r'^USER (?!root)', text, re.M)
    ignored = (REPO / '.dockerignore').read_text().split()
    assert {'.git', 'data', 'work_dirs', '.venv*'} <= set(ignored)


def test_the_machines_of_the_makefile_are_those_of_the_page() -> None:
    known = re.search(r'^known = (.+)$', (REPO / 'Makefile').read_text(), re.M)
    assert known
    assert eval(known[1]) == (('Linux', 'x86_64'), ('Linux', 'aarch64'), ('Darwin', 'arm64'))
    page = (REPO / 'docs/installation.md').read_text()
    assert '- Linux on x86-64 or ARM64, or macOS on ARM64' in page
