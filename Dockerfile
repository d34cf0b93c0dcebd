# Two images from one file: `site` (web, node, coordinator, site tasks; no torch) and `worker` (mining and
# verification; no Django, no database driver). compose.yaml builds both.

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    COINAI_HOME=/state
RUN useradd --uid 10001 --create-home coinai && install -d -o coinai -g coinai /state /cache
WORKDIR /app
COPY constraints.txt ./
COPY requirements requirements

FROM base AS site
RUN pip install --no-cache-dir --only-binary :all: -c constraints.txt -r requirements/site.txt \
    && python -m compileall -qq /usr/local/lib/python3.11/site-packages
COPY manage.py ./
COPY protocol protocol
COPY datasets datasets
COPY apps apps
COPY coinai_web coinai_web
COPY templates templates
COPY static static
# Hashed and compressed once, here; the addresses are only there because settings want them, nothing connects.
ENV COINAI_HASHED_STATIC=1
RUN DATABASE_URL=postgresql:///none BROKER_URL=redis://none COINAI_SECRET_KEY=none COINAI_HOME=/tmp/state \
    python manage.py collectstatic --no-input
USER coinai
VOLUME /state
EXPOSE 8000

FROM base AS worker
RUN pip install --no-cache-dir --only-binary :all: -c constraints.txt -r requirements/worker.txt \
    && python -m compileall -qq /usr/local/lib/python3.11/site-packages
COPY protocol protocol
COPY workers workers
ENV COINAI_CACHE=/cache
USER coinai
VOLUME /cache
