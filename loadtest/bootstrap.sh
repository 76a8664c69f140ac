#!/bin/bash
# Installs what the load test needs on Debian 12 beyond what the build does: cargo and Tokio for the
# Tokio relay, gnuplot for the plots.
exec "$(dirname "$(readlink -f "$0")")/../bazel/bootstrap.sh" cargo librust-tokio-dev gnuplot-nox
