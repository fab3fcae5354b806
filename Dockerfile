# docker build -t hotcold .                                     CPU
# docker build -t hotcold --build-arg TORCH_BACKEND=cu130 .     NVIDIA; run with --gpus all
# docker run --name run hotcold                                 make
# docker run --rm hotcold make test
# docker cp run:/home/runner/hotcold/report .                   the report of `run`
FROM debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f

RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git make npm python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 runner \
 && install --directory --owner 1000 --group 1000 /home/runner/hotcold
USER 1000
WORKDIR /home/runner/hotcold

# The environment of `make`: uv selects the build of PyTorch, and checks the hashes of all else.
ARG TORCH_BACKEND=cpu
ENV UV_TORCH_BACKEND=$TORCH_BACKEND UV_NO_CACHE=1 \
    PATH=/home/runner/hotcold/.venv/bin:$PATH
COPY --chown=1000 pyproject.toml constraints.txt ./
RUN python3 -m venv .venv \
 && awk '/^(pip|uv)==/, !/\\$/' constraints.txt > .venv/first.txt \
 && pip install --no-cache-dir --requirement .venv/first.txt \
 && uv pip install --python .venv/bin/python --no-deps --no-verify-hashes --constraint constraints.txt \
      torch torchvision \
 && uv pip install --python .venv/bin/python --constraint constraints.txt --all-extras \
      --requirement pyproject.toml

COPY --chown=1000 . .
RUN uv pip install --python .venv/bin/python --no-deps --build-constraint constraints.txt --editable . \
 && touch .venv/.installed
CMD ["make"]
