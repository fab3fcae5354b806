# docker build -t mnist-diffusion .                                     CPU
# docker build -t mnist-diffusion --build-arg TORCH_BACKEND=cu130 .     NVIDIA; run with --gpus all
# docker run --name run mnist-diffusion                                 make
# docker run --rm mnist-diffusion make test
# docker cp run:/home/runner/mnist-hotcold/report .                   the report of `run`
FROM debian:trixie-slim

RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git make npm python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 runner \
 && install --directory --owner 1000 --group 1000 /home/runner/mnist-diffusion
USER 1000
WORKDIR /home/runner/mnist-diffusion

# The environment of `make`, installed by uv, which selects the build of PyTorch.
ARG TORCH_BACKEND=cpu
ENV UV_TORCH_BACKEND=$TORCH_BACKEND UV_NO_CACHE=1 \
    PATH=/home/runner/mnist-diffusion/.venv/bin:$PATH
COPY --chown=1000 pyproject.toml constraints.txt ./
RUN python3 -m venv .venv \
 && pip install --no-cache-dir --constraint constraints.txt uv \
 && uv pip install --python .venv/bin/python --constraint constraints.txt --all-extras \
      --requirement pyproject.toml

COPY --chown=1000 . .
RUN uv pip install --python .venv/bin/python --no-deps --editable . && touch .venv/.installed
CMD ["make"]
