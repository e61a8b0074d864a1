# docker build -t mplug2 .                                   CPU
# docker build -t mplug2 --build-arg TORCH=torch==2.13.0 --build-arg BASE=nvidia/cuda:13.0.1-runtime-ubuntu24.04 .   CUDA
# The same requirements and set-up script as everywhere: the image is the README's `make env`.
ARG BASE=python:3.11-slim
FROM ${BASE}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make python3 python3-venv python3-dev gcc \
    && rm -rf /var/lib/apt/lists/*

ARG TORCH=
WORKDIR /opt/mplug2
COPY . .
RUN TORCH="${TORCH}" PYTHON="$(command -v python3.11 || command -v python3)" VENV=/opt/venv tools/setup_env.sh

ENV PATH=/opt/venv/bin:${PATH} VENV=/opt/venv GRADIO_ANALYTICS_ENABLED=False
RUN useradd --create-home user
USER user
WORKDIR /home/user
ENTRYPOINT ["mplug2"]
CMD ["--help"]
