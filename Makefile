# make demo   the plugin at work on a small name server of its own, in a minute
# make test   what every change is held to, in minutes; it needs no daemon and no Debian package
# make test-world   the plugin among real name servers, receivers, schedulers and packages
# make plugin [PYTHON=/usr/bin/python3]   one file to drop in, dist/check_reverse_mx, for that Python
# make deb    the Debian package, in dist/; make man completion: those two alone, in build/
# make release    all that a release has, in dist/, from a clean tree
# make scale  how many checks an Icinga carries; writes docs/scale.md, in some seven minutes
# make bench  what the plugin costs, side by side with other programs; writes docs/performance.md
# make mutation   whether a test notices each small change of the judgements, in hours; [SAMPLE=500] of them
# make docs   the parts of README.md and docs/ that the program itself says, and the Director's baskets
# make pictures   those of Icinga Web in README.md and docs/, of a real one
# make lock   renew what is pinned in tests/requirements/
# make fuzz   hostile answers, surroundings and made-up zones, other ones each time, for half an hour
# make loss   how runs end while 30 % of all datagrams are lost, ten minutes long
PYTHON ?= python3
BENCH_DEBIAN = bind9-dnsutils monitoring-plugins-standard valgrind
DEBIAN = bind9 bind9-utils exim4-daemon-light icinga2-bin influxdb nagios4-core nsd opensmtpd \
  postfix python3-dnspython python3-idna python3-nagiosplugin rspamd spamassassin unbound \
  $(BENCH_DEBIAN)
PIP = -m pip install --quiet --disable-pip-version-check
# What is installed is pinned to versions and hashes.
LOCKS = tests/requirements
PINNED = $(PIP) --require-hashes -r $(LOCKS)
SOURCES = check_reverse_mx.py $(wildcard reverse_mx/*.py)
# The plugin itself, built with the pinned setuptools.
PLUGIN = $(PIP) --no-deps --no-build-isolation .

.PHONY: demo test test-world plugin deb docs man completion pictures scale bench fuzz mutation loss
.PHONY: lock release deb-needs check-tools clean

demo: .venv/.demo
	@.venv/bin/python -m tests.trials.demo

test: check-tools .venv/.test .venv-oldest/.test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m tests -n auto $(PYTEST) tests/project tests/scenarios tests/process
	.venv-oldest/bin/python -m tests -n auto -m "not newest" $(PYTEST) tests/scenarios

test-world: check-tools .venv/.test .venv-oldest/.test .venv-bench/.made .venv-peers/.made
	$(PYTHON) tests/helpers/debian.py .debian $(DEBIAN)
	.venv-oldest/bin/python -m tests -n auto -m "not newest" $(PYTEST) tests/process
	.venv/bin/python -m pytest $(PYTEST) tests/world

# What it measures is the plugin as pip installs it.
scale: check-tools .venv/.demo
	$(PYTHON) tests/helpers/debian.py .debian icinga2-bin
	.venv/bin/python -m tests.trials.scale

# For the Python that has Debian's libraries, and not for the first in the PATH.
plugin: PYTHON = /usr/bin/python3
plugin:
	$(PYTHON) tools/one_file.py dist/check_reverse_mx

# pip is not quiet here: nobody shall wait for ten seconds without a word.
deb release: PIP = -m pip install --disable-pip-version-check --progress-bar off
deb: deb-needs .venv/.docs
	.venv/bin/python tools/deb.py

release: deb-needs .venv/.test
	.venv/bin/python tools/release.py

deb-needs:
	@echo "This makes a small Debian to build in, under .debian, as root or with uidmap's subordinate"
	@echo "ids: at the first time some 5 minutes, 2 GB of disk and a network; later half a minute."

docs: .venv/.test
	.venv/bin/python -m tests.project.test_docs --write
	.venv/bin/python tools/basket.py

pictures: check-tools .venv/.test
	.venv/bin/python -m tests.trials.pictures

man: build/check_reverse_mx.1
completion: build/check_reverse_mx.bash

build/check_reverse_mx.1 build/check_reverse_mx.bash: $(SOURCES) tools/generate.py .venv/.docs
	mkdir -p build
	.venv/bin/python tools/generate.py $(if $(filter %.1,$@),man,completion) > $@.new
	mv $@.new $@

bench: check-tools .venv-bench/.made .venv-peers/.made
	$(PYTHON) tests/helpers/debian.py .debian $(BENCH_DEBIAN)
	.venv-bench/bin/python -m tests.trials.bench

mutation: check-tools .venv-mutation/.mutation
	.venv-mutation/bin/python -m tests.trials.mutation

fuzz: check-tools .venv/.test
	.venv/bin/python -m tests.trials.fuzz --answers 100000 --write
	.venv/bin/python -m tests.scenarios.test_properties 250
	.venv/bin/python -m tests.scenarios.test_cures 1000

# The long forms of two tests, which write what they measure to docs/reliability.md.
loss: .venv/.test
	.venv/bin/python -m tests.trials.loss 2000
	.venv/bin/python -m tests.process.test_process

# Two environments: the newest libraries, and the oldest ones supported, which Debian 12 has. The
# tests run in both.
.venv/.demo: $(LOCKS)/run.txt setup.cfg $(SOURCES) | venv-works
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PINNED)/run.txt
	.venv/bin/python $(PLUGIN)
	touch $@

.venv/.docs: $(LOCKS)/docs.txt .venv/.demo
	.venv/bin/python $(PINNED)/docs.txt
	touch $@

.venv/.test: $(LOCKS)/test.txt .venv/.demo
	.venv/bin/python $(PINNED)/test.txt
	touch $@

.venv-oldest/.test: $(LOCKS)/oldest-test.txt | venv-works
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python $(PINNED)/oldest-test.txt
	touch $@

# What is measured has nothing beside it that slows its start, and its peers are by themselves.
.venv-bench/.made: $(LOCKS)/run.txt setup.cfg $(SOURCES) | venv-works
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(PINNED)/run.txt
	.venv-bench/bin/python $(PLUGIN)
	touch $@

.venv-peers/.made: $(LOCKS)/peers.txt | venv-works
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python $(PINNED)/peers.txt
	touch $@

.venv-mutation/.mutation: $(LOCKS)/mutation.txt | venv-works
	$(PYTHON) -m venv .venv-mutation
	.venv-mutation/bin/python $(PINNED)/mutation.txt
	touch $@

# The newest versions that there are, and of the libraries the lowest that setup.cfg allows. The
# tests need a later Python than the plugin. mutation.py uses parts of mutmut that are not public.
LOCK = .venv-lock/bin/uv pip compile --quiet --upgrade --universal --generate-hashes \
  --no-header --no-annotate
lock: | venv-works
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python $(PIP) --upgrade uv
	echo setuptools | $(LOCK) --python-version 3.9 setup.cfg - -o $(LOCKS)/run.txt
	$(LOCK) --python-version 3.9 --resolution lowest-direct setup.cfg -o $(LOCKS)/oldest.txt
	$(LOCK) --python-version 3.11 --extra pytest -c $(LOCKS)/oldest.txt setup.cfg \
	  -o $(LOCKS)/oldest-test.txt
	$(LOCK) --python-version 3.9 --extra docs setup.cfg -o $(LOCKS)/docs.txt
	$(LOCK) --python-version 3.11 --extra test setup.cfg -o $(LOCKS)/test.txt
	echo checkdmarc | $(LOCK) --python-version 3.11 - -o $(LOCKS)/peers.txt
	echo mutmut==3.8.1 | $(LOCK) --python-version 3.11 --extra test setup.cfg - -o $(LOCKS)/mutation.txt

.PHONY: venv-works
venv-works:
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "python3-venv is missing (Debian: sudo apt install python3-venv)" >&2; exit 1; }

# What the tests run besides what they install; all of it is essential on Debian.
check-tools:
	@for tool in unshare prlimit setpriv mount; do command -v $$tool >/dev/null || { \
	  echo "$$tool is missing (Debian: sudo apt install util-linux mount)" >&2; exit 1; }; done

# What an ordinary user's .debian/chroot has belongs to that user's subordinate ids.
clean:
	[ "$$(id -u)" = 0 ] || [ ! -d .debian/chroot ] || \
	  unshare --user --map-root-user --map-auto rm -rf .debian/chroot
	rm -rf .venv .venv-oldest .venv-bench .venv-peers .venv-mutation .venv-lock .mutation .debian \
	  build dist *.egg-info .hypothesis .coverage .coverage.*
