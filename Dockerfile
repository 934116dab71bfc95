# cpd as a service. CPU by default; `--build-arg VARIANT=gpu` for PyTorch with CUDA and faiss-gpu.
#
#   docker build -t cpd .
#   docker run --rm -v ~/Videos:/videos:ro -v cpd-data:/data cpd index add /videos --library /data/library
#   docker run --rm -p 127.0.0.1:8000:8000 --read-only --tmpfs /tmp -v ~/Videos:/videos:ro -v cpd-data:/data cpd
#
# --build-arg INDEX_URL=... names a further package index, for example that of another CUDA
# (https://download.pytorch.org/whl/cu126); PyPI's own PyTorch, which `gpu` takes, brings CUDA too.

FROM python:3.12-slim-bookworm AS build
ARG VARIANT=cpu
ARG INDEX_URL=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/cpd
ENV PATH=/opt/cpd/bin:$PATH

# The dependencies first: this layer stays as long as these two files do.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
 && case "$VARIANT" in \
      cpu) index="${INDEX_URL:-https://download.pytorch.org/whl/cpu}" ;; \
      gpu) index="$INDEX_URL" ;; \
      *) echo "VARIANT is cpu or gpu, not $VARIANT" >&2; exit 1 ;; \
    esac \
 && pip install --constraint constraints.txt ${index:+--extra-index-url "$index"} \
      --requirement requirements.txt \
 && if [ "$VARIANT" = gpu ]; then \
      pip uninstall --yes faiss-cpu \
      && pip install --constraint constraints.txt faiss-gpu; \
    fi

COPY README.md LICENSE NOTICE ./
COPY cpd cpd
COPY cpd_model cpd_model
COPY index index
COPY training training
COPY service service
RUN pip install --no-deps .

# The default model is made now, so that a container answers from its first second.
ENV CPD_CACHE=/opt/cpd/cache
RUN cpd model show


FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --create-home cpd \
 && install --directory --owner cpd --group cpd /data
COPY --from=build /opt/cpd /opt/cpd
ENV PATH=/opt/cpd/bin:$PATH \
    CPD_CACHE=/opt/cpd/cache \
    CPD_MEDIA_CACHE_DIR=/data/media-cache \
    HF_HOME=/data/huggingface \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["cpd"]
CMD ["serve", "--library", "/data/library", "--host", "0.0.0.0", "--port", "8000"]
