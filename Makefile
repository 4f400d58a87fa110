# Every target works from a fresh clone: scripts/uv fetches uv when it is missing, uv makes the environment from uv.lock.
# Extra arguments: make demo ARGS="--port 9000", make test ARGS="-k undo".

UV := ./scripts/uv

.PHONY: help demo test test-postgres check fmt browser bench faults image pictures vendor clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## try it: rehearsal servers, dashboard and worker, with made-up people
	$(UV) run manage.py demo $(ARGS)

test:  ## run the tests; those in a browser are skipped where there is no Chromium
	$(UV) run pytest $(ARGS)

# Browsers, faults and what knows no database are tried once, by `make test`.
test-postgres:  ## run the tests on a PostgreSQL of their own, and several processes of each kind at once
	$(UV) run scripts/postgres.py $(UV) run pytest -m "not browser and not faults and not once" \
		--ignore tests/sandbox --ignore tests/contract $(ARGS)

check:  ## format, lint, types, layers, dependencies, migrations, locks; changes nothing
	@./scripts/check

fmt:  ## put code and templates into shape
	$(UV) run ruff check --fix-only .
	$(UV) run ruff format .
	@# djade ends with 1 when it changed something.
	find templates -name '*.html' -exec $(UV) run djade --target-version 6.1 {} + || true
	$(UV) run djangofmt --quiet templates

browser:  ## run the browser tests, which need a Chromium
	ROSTER_BROWSER_REQUIRED=1 $(UV) run pytest -m browser $(ARGS)

faults:  ## break every call and kill workers at every step; ARGS=--write-table renews docs/reliability.md
	$(UV) run pytest tests/faults -m faults $(ARGS)

bench:  ## measure the pages and the jobs
	$(UV) run python -m bench $(ARGS)

image:  ## do what the Dockerfile says without a container engine, and ask the result (needs root)
	$(UV) run python -m scripts.image

pictures:  ## take the screenshots in docs/pictures/ anew, from the demo (needs a Chromium)
	$(UV) run python -m scripts.pictures $(ARGS)

vendor:  ## renew static/vendor/ after a change of package.json (needs node)
	npm ci
	$(UV) run scripts/vendor.py

clean:  ## remove what can be made again; var/ with its database stays
	rm -rf .venv .uv node_modules staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
