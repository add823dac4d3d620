# Two commands: `make demo` and `make test`. Each sets up what it needs in .venv first.
#   PYTHON     interpreter the environments are made from (default: the first of 3.11, 3.12 found)
#   PIP_FLAGS  extra options for pip install, e.g. --extra-index-url https://download.pytorch.org/whl/cpu
#   PYTEST_FLAGS, JOBS  extra options and number of processes for pytest
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
PIP_FLAGS ?=
PYTEST_FLAGS ?=
JOBS ?= 2

VENV := .venv
VENV_DETECT := .venv-detect
BOUNDS := lowest newest
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

CONSTRAINTS := -c requirements/constraints.txt
REQUIREMENTS := $(wildcard requirements/*.txt) setup.py pyproject.toml
EXTRAS_TESTS := tests/test_checkpoints/test_data_description.py tests/test_deployment \
	tests/test_inference tests/test_mmcl/test_image_encoders.py tests/test_mmcl/test_monitors.py \
	tests/test_preparation/test_video.py $(wildcard tests/test_preparation/test_pose_*.py) \
	tests/test_tools/test_first_hour.py::test_own_video
BOUNDS_TESTS := tests/test_compat.py tests/test_packaging.py tests/test_checkpoints tests/test_fileio \
	tests/test_models tests/test_tools/test_train_and_test.py
PYTEST = -m pytest -n $(JOBS) --dist worksteal $(PYTEST_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-slow test-extras test-detect test-web test-bounds pose lint docs check-machine clean \
	$(BOUNDS:%=test-%)

help:
	@echo 'make demo         train with co-learning on generated data, test from the skeleton alone'
	@echo 'make test         run the tests'
	@echo 'make coverage     run the tests and tell which share of the package they run'
	@echo 'make test-slow    run the tests that take minutes'
	@echo 'make test-extras  run the tests of what needs optional packages: exports, PyAV, TensorBoard'
	@echo 'make test-detect  run the tests that need mmcv with operators and mmdet, in $(VENV_DETECT)'
	@echo 'make test-web     run the tests of the web page; they need Chromium and its driver'
	@echo 'make test-bounds  run the tests of compatibility with the lowest and the newest versions'
	@echo 'make pose         install what predicts videos into $(VENV)'
	@echo 'make lint         ruff and mypy'
	@echo 'make docs         build docs/_build/html'
	@echo 'make clean        remove the environments and what was built'

demo: $(VENV)/.installed
	$(VENV)/bin/python tools/demo.py

test: $(VENV)/.installed
	$(VENV)/bin/python $(PYTEST)

# In one process: lines that only child processes run are not counted.
coverage: $(VENV)/.installed
	$(VENV)/bin/python -m coverage run --source mmcl_ext -m pytest -p no:xdist $(PYTEST_FLAGS)
	$(VENV)/bin/python -m coverage report --skip-covered --sort cover

test-slow: $(VENV)/.installed
	$(VENV)/bin/python $(PYTEST) -m slow

test-extras: $(VENV)/.installed-extras
	$(VENV)/bin/python $(PYTEST) $(EXTRAS_TESTS)

# Exit status 5 of pytest: no test carries the mark.
test-detect: $(VENV_DETECT)/.installed
	$(VENV_DETECT)/bin/python $(PYTEST) -m detect || test $$? -eq 5
	$(VENV_DETECT)/bin/python $(PYTEST) tests/test_compat.py

test-web: $(VENV)/.installed-web
	$(VENV)/bin/python -m pytest $(PYTEST_FLAGS) -m 'slow or not slow' tests/test_web

test-bounds: $(BOUNDS:%=test-%)

$(BOUNDS:%=test-%): test-%: .venv-%/.installed
	.venv-$*/bin/python -m pytest -n $(JOBS) $(PYTEST_FLAGS) $(BOUNDS_TESTS)

pose: $(VENV)/.installed-pose

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

docs: $(VENV)/.installed-docs
	$(VENV)/bin/python -m sphinx -W -b html docs docs/_build/html

clean:
	rm -rf $(VENV) $(VENV_DETECT) $(BOUNDS:%=.venv-%) build dist docs/_build mmcl_ext/.mim *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache

# What the environments need of the machine; everything missing is named in one message.
define CHECK_MACHINE
import importlib.util, platform, sys
missing = []
if sys.version_info[:2] not in ((3, 11), (3, 12)):
    missing.append('Python 3.11 or 3.12; %s is %s' % (sys.executable, platform.python_version()))
for name in ('venv', 'ensurepip'):
    if importlib.util.find_spec(name) is None:
        missing.append('the %s module of this Python (Debian, Ubuntu: apt install python3-venv)' % name)
known = ('Linux', 'x86_64'), ('Linux', 'aarch64'), ('Darwin', 'arm64')
if (platform.system(), platform.machine()) not in known:
    missing.append('Linux on x86-64 or ARM64, or macOS on ARM64; this is %s %s (docs/installation.md)'
                   % (platform.system(), platform.machine()))
if missing:
    sys.exit('Missing on this machine:\n- ' + '\n- '.join(missing)
             + '\nAnother interpreter is chosen with: make PYTHON=/path/to/python3.11 ...')
endef
export CHECK_MACHINE

check-machine:
	@test -n "$(PYTHON)" && command -v "$(PYTHON)" > /dev/null || { \
		echo 'Missing on this machine: Python 3.11 or 3.12 (name it with: make PYTHON=/path/to/python3.11 ...)'; \
		exit 1; }
	@"$(PYTHON)" -c "$$CHECK_MACHINE"

# mmaction2 and mmcv ask for OpenCV builds that need the system's libGL; the headless build,
# put last into the folder that all builds share, needs nothing.
define USE_HEADLESS_OPENCV
	$(1) -m pip uninstall -q -y opencv-python opencv-contrib-python \
		opencv-python-headless opencv-contrib-python-headless
	$(1) -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) --no-deps opencv-contrib-python-headless
endef

# mmaction2 asks for decord, which nothing here uses and which has no wheels for ARM64: its other
# requirements are ours, too, or named here.
define INSTALL
	"$(PYTHON)" -m venv $(1)
	$(1)/bin/python -m pip install -q $(PIP_FLAGS) $(2) --upgrade pip setuptools wheel
	grep -v '^mmaction2' requirements/runtime.txt > $(1)/runtime.txt
	$(1)/bin/python -m pip install $(PIP_FLAGS) $(2) einops opencv-contrib-python-headless \
		-r $(1)/runtime.txt -r requirements/lite.txt -r requirements/tests.txt
	$(1)/bin/python -m pip install $(PIP_FLAGS) $(2) --no-deps mmaction2
	$(call USE_HEADLESS_OPENCV,$(1)/bin/python)
	$(1)/bin/python -m pip install -q --no-deps --no-build-isolation -e .
endef

$(VENV)/.installed: $(REQUIREMENTS) | check-machine
	$(call INSTALL,$(VENV),$(CONSTRAINTS))
	@touch $@

$(BOUNDS:%=.venv-%/.installed): .venv-%/.installed: $(REQUIREMENTS) | check-machine
	$(call INSTALL,.venv-$*,-c requirements/$*.txt)
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(VENV)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) -r requirements/docs.txt
	@touch $@

$(VENV)/.installed-extras: $(VENV)/.installed-pose
	$(VENV)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) \
		-r requirements/deploy.txt -r requirements/video.txt \
		-r requirements/encoders.txt -r requirements/optional.txt
	$(VENV)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) --no-deps \
		rtmlib efficientnet-lite-pytorch
	@touch $@

# mediapipe asks for numpy < 2; only the networks that it carries are read.
$(VENV)/.installed-pose: $(VENV)/.installed
	$(VENV)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) -r requirements/pose.txt
	$(VENV)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) --no-deps mediapipe
	@touch $@

$(VENV)/.installed-web: $(VENV)/.installed
	$(VENV)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) -r requirements/web.txt
	@touch $@

# mmcv's operators are compiled against the torch that is there, so torch comes first; the wheel
# of another build is taken when pip's find-links have one.
$(VENV_DETECT)/.installed: $(REQUIREMENTS) | check-machine
	"$(PYTHON)" -m venv $(VENV_DETECT)
	$(VENV_DETECT)/bin/python -m pip install -q $(PIP_FLAGS) $(CONSTRAINTS) --upgrade pip setuptools wheel
	$(VENV_DETECT)/bin/python -m pip install $(PIP_FLAGS) $(CONSTRAINTS) \
		-r requirements/runtime.txt -r requirements/tests.txt
	MMCV_WITH_OPS=1 MAX_JOBS=$(JOBS) $(VENV_DETECT)/bin/python -m pip install $(PIP_FLAGS) \
		$(CONSTRAINTS) --no-build-isolation -r requirements/detect.txt
	$(call USE_HEADLESS_OPENCV,$(VENV_DETECT)/bin/python)
	$(VENV_DETECT)/bin/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@
