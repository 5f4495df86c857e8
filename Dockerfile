# Two stages: one installs, by hash, into /opt/visavis; the other holds only Python, that folder and a user without rights.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /src
RUN python -m venv /opt/visavis
COPY requirements.lock requirements-sip.lock ./
RUN /opt/visavis/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock \
 && /opt/visavis/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-sip.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
COPY signaling ./signaling
COPY media ./media
COPY web ./web
RUN /opt/visavis/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --no-index .

FROM python:${PYTHON_VERSION}-slim
# Thousands of short calls in one process: two arenas keep glibc from holding on to freed memory.
ENV MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/visavis/bin:$PATH \
    VISAVIS_DATA_DIR=/var/lib/visavis \
    VISAVIS_HTTP__HOST=0.0.0.0 \
    VISAVIS_HTTP__PORT=8080 \
    VISAVIS_MEDIA__PORT=5000
RUN useradd --system --uid 10001 --home-dir /var/lib/visavis --create-home --shell /usr/sbin/nologin visavis
COPY --from=build /opt/visavis /opt/visavis
USER visavis
WORKDIR /var/lib/visavis
VOLUME /var/lib/visavis
EXPOSE 8080/tcp 5000/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['VISAVIS_HTTP__PORT']}/healthz\", timeout=2)"]
ENTRYPOINT ["visavis"]
CMD ["serve"]
