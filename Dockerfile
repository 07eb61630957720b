# syntax=docker/dockerfile:1
# Two stages: wheels are built where a compiler is, the image that runs has neither compiler nor pip cache nor network.
# Every step is a command that make also runs.

FROM python:3.11-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential cmake git make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml constraints.txt README.md Makefile ./
COPY app app
COPY knowledge knowledge
COPY compliance compliance
COPY factory factory
# PORTABLE=1: any x86-64 processor of the last ten years, not only the one that builds.
RUN make wheels PORTABLE=1 WHEELS=/wheels PYTHON=python3

FROM python:3.11-slim-bookworm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin tellerbox \
 && install -d -o tellerbox -g tellerbox -m 0700 /data
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python3 -m pip install --no-cache-dir --no-index --find-links /wheels tellerbox==0.1.0 \
 && ! python3 -m pip list 2>/dev/null | grep -qi '^nvidia-'
COPY models /opt/tellerbox/models
COPY knowledge/policies /opt/tellerbox/policies
WORKDIR /opt/tellerbox/models
RUN sha256sum --check --quiet sha256sums
WORKDIR /data
ENV TELLERBOX_HOME=/data \
    TELLERBOX_MODELS=/opt/tellerbox/models \
    TELLERBOX_POLICIES=/opt/tellerbox/policies \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_WAIT_POLICY=passive
USER 10001
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/readyz', timeout=2)"]
ENTRYPOINT ["tellerbox"]
CMD ["serve", "--host", "0.0.0.0", "--port", "7860"]
