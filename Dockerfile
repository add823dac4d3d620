# The image for a CPU:  docker build -t mmcl_ext .
# The image for CUDA:   docker build -t mmcl_ext:cu126 --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .
# A prediction:         docker run --rm -v "$PWD:/data" mmcl_ext infer /data/clip.npy --model /data/model.safetensors
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm

# Builds of torch with another local version than PyPI's, such as +cpu, win over PyPI's.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV OMP_NUM_THREADS=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/mmcl_ext
COPY requirements requirements
RUN pip install -c requirements/constraints.txt --extra-index-url "${TORCH_INDEX}" \
        "setuptools<81" wheel -r requirements/runtime.txt -r requirements/lite.txt \
    && pip uninstall -y opencv-python opencv-contrib-python \
    && pip install --force-reinstall --no-deps -c requirements/constraints.txt \
        opencv-contrib-python-headless

COPY . .
RUN pip install --no-deps --no-build-isolation . \
    && useradd --create-home --uid 1000 mmcl
ENV MMCL_EXT_ZOO=/opt/mmcl_ext/zoo

USER 1000
WORKDIR /home/mmcl
ENTRYPOINT ["mmcl"]
CMD ["--help"]
