FROM python:3.13-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
# The dependencies by themselves first: this layer changes only with the lock.
COPY .python-version pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
COPY . .
# DEBUG only spares this one step the secrets a production start asks for; the image sets nothing.
# Without the manifest every page would fail, and what root leaves in var/ the image's user could not write.
RUN DEBUG=true .venv/bin/python manage.py collectstatic --noinput && test -f staticfiles/staticfiles.json && rm -rf var

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin roster
WORKDIR /app
COPY --from=build /app ./
RUN install --directory --owner roster var
USER roster
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
# The default database; with DATABASE_URL elsewhere nothing is kept here.
VOLUME /app/var
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
