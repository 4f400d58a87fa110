FROM python:3.13-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
# The dependencies by themselves first: this layer changes only with the lock.
COPY .python-version pyproject.toml uv.lock ./
# uv leaves a file behind that everybody may write to.
RUN uv sync --locked --no-dev && rm .venv/.lock
COPY . .
# The image's user can't write what Python would compile at each start.
RUN .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash dashboard memberships sandbox
# DEBUG only spares this one step the secrets a production start asks for; the image sets nothing.
# Without the manifest every page would fail, and what root leaves in var/ the image's user could not write.
RUN DEBUG=true .venv/bin/python manage.py collectstatic --noinput && test -f staticfiles/staticfiles.json && rm -rf var

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin roster
WORKDIR /app
COPY --from=build /app ./
# All else belongs to root: the dashboard can change nothing of itself, and runs with a read-only root file system.
RUN install --directory --owner 10001 --mode 0700 var
# By number, which an orchestrator can tell from root's.
USER 10001
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
# The default database; with DATABASE_URL elsewhere nothing is kept here.
VOLUME /app/var
# Plain http, for a TLS proxy that stands before it.
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
