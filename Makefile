# Everything that a developer runs. On a fresh Debian 12 machine with Swift, git and make, `make test` installs the rest.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
CONFIG ?= release
LIBTORCH ?= .libtorch/torch
PACKAGES := libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libjpeg-dev libopenblas-dev libsqlite3-dev \
  libssl-dev libcurl4-openssl-dev ca-certificates libutf8proc-dev libisal-dev libpango1.0-dev fonts-dejavu-core \
  fonts-wqy-microhei fonts-freefont-ttf libopenmpi-dev openmpi-bin g++ \
  pkg-config ffmpeg python3-venv chromium
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PFRAME := .build/$(CONFIG)/pframe
FUZZ_FILES ?= 2000
FUZZ_STREAMS ?= 10000
SWIFT := Package.swift Sources Tests Benchmarks \
  $(foreach example,MotionField ReadShards,Examples/$(example)/Package.swift Examples/$(example)/Sources)
# How many tests a run skipped, by reason.
SKIPPED := sed -n 's/^➜ *Test .* skipped: "\([^":]*\).*/\1/p' .build/test.log | sort | uniq -c | sort -rn \
  | awk '{ count += $$1; reasons = reasons "\n" $$0 } END { print "tests skipped: " count + 0 reasons }'
# Without testable imports tests use what `swift build` compiled, and the other way round.
TEST := swift test -c release --disable-testable-imports
DEMO ?= demo
export DEMO VIDEOS CAPTIONS

.PHONY: deps build build-data bundle docs test skipped same demo example bench experiments lint format headers fuzz soak sanitize fresh clean

deps:  ## install packages with apt and pip; nothing to do if all are installed
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
	fi

	@case '$(LIBTORCH)' in \
	none) ;; \
	.libtorch/torch) python3 Scripts/libtorch.py .libtorch ;; \
	*) [ -e '$(LIBTORCH)/lib/libtorch_cpu.so' ] || { echo "error: LIBTORCH=$(LIBTORCH): no lib/libtorch_cpu.so in it;" \
	  "name the folder that python3 -c 'import torch; print(torch.__path__[0])' prints" >&2; exit 2; } ;; \
	esac

build: deps  ## build everything with optimisation
	swift build -c $(CONFIG)

bundle: build  ## pack the programs with all libraries but libtorch and the C library into pframe.tar.xz
	@command -v patchelf > /dev/null || $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends patchelf
	@Scripts/bundle.sh pframe.tar.xz .build/$(CONFIG)

build-data: deps  ## build only the pframe command
	swift build -c $(CONFIG) --product pframe

test: deps  ## run every test with optimisation (26 times faster kernels); FILTER=expression selects tests
	@mkdir -p .build; $(TEST) $(if $(FILTER),--filter '$(FILTER)') 2>&1 | tee .build/test.log; status=$$?; $(SKIPPED); \
	exit $$status

skipped:  ## list how many tests the last `make test` skipped, by reason
	@$(SKIPPED)

same: build  ## compare what this build makes with what the programs in OLD=folder make, byte by byte
	python3 Scripts/same_bytes.py '$(OLD)' .build/$(CONFIG) $(SAME)

demo: build  ## run everything to demo/index.html: QUICK=1 is small, VIDEOS=dir CAPTIONS=file are your own
	@python3 Demo/demo.py --pframe $(PFRAME) --output "$$DEMO" $(if $(QUICK),--quick) \
	  $${VIDEOS:+--videos "$$VIDEOS"} $${CAPTIONS:+--captions "$$CAPTIONS"}

example: deps  ## build packages that use the libraries, and run them; one that only reads shards links little
	LIBTORCH=none swift run --package-path Examples/MotionField MotionField fixtures/one-reference.mp4 | tail -n 1
	rm -rf .build/example && python3 Tests/Peers/clip_set.py .build/example
	LIBTORCH=none swift run --package-path Examples/ReadShards ReadShards .build/example
	ldd Examples/ReadShards/.build/debug/ReadShards >.build/example/links
	! grep -E 'libav|libswscale|libjpeg|libsqlite3|libopenblas|libtorch' .build/example/links

bench: build  ## measure beside ffmpeg and Python tools in 45 minutes: docs/benchmarks.md
	python3 Benchmarks/bench.py --pframe $(PFRAME) $(BENCH)

experiments: build  ## train, sample and judge what the pages on models report: slow
	python3 Benchmarks/experiments.py --pframe $(PFRAME) $(EXPERIMENTS)

docs: deps  ## the libraries' reference by DocC, to .build/docs/html; fails at a warning
	@mkdir -p .build/docs/html; for library in Storage Codec Bitstream MotionVectors Figures Shards Dataset $(if $(filter none,$(LIBTORCH)),,Train); do \
	  echo "== $$library"; \
	  PFRAME_DOCS=1 swift package --scratch-path .build/docs --allow-writing-to-directory .build/docs/html \
	    generate-documentation --target $$library --warnings-as-errors --output-path .build/docs/html/$$library || exit; \
	done

lint:  ## check the formatting and that public symbols are documented, that rooms use only what lies below them, and that Python compiles
	swift format lint --strict --recursive $(SWIFT)
	python3 Scripts/rooms.py
	python3 -m compileall -q Python Scripts Tests/Peers Benchmarks Demo Examples

format:  ## format in place
	swift format --in-place --recursive $(SWIFT)

headers:  ## compile CTorch against the headers of the oldest libtorch that is taken and of the newest: fetches 2 GB once
	python3 Scripts/headers.py .build/headers $(HEADERS)

fuzz: deps  ## test thousands of mutated and truncated files and streams under AddressSanitizer
	ASAN_OPTIONS=detect_leaks=0 PFRAME_FUZZ_FILES=$(FUZZ_FILES) PFRAME_FUZZ_STREAMS=$(FUZZ_STREAMS) \
	  swift test -c release --sanitize=address --scratch-path .build/fuzz --filter 'FuzzTests|DamageTests'

soak: deps  ## run slow tests: kills at many moments
	PFRAME_SOAK=1 $(TEST) --filter "SoakTests|resumesAfterKills"

sanitize: deps  ## run every test in a debug build under AddressSanitizer
	ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path .build/sanitize

fresh:  ## run the two commands of the README in a Debian 12 with only Swift, git and make: half an hour
	@Scripts/fresh.sh $(if $(FRESH),'$(FRESH)')

clean:
	rm -rf .build demo
