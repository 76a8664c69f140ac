#!/bin/bash
# Installs what the load test needs on Debian 12: what the build needs, the generator's library, the
# proxies and drivers, cargo and Tokio for the Tokio relay, gnuplot for the pictures.
exec "$(dirname "$(readlink -f "$0")")/../bazel/bootstrap.sh" nlohmann-json3-dev \
  haproxy nginx libnginx-mod-stream iperf3 wrk cargo librust-tokio-dev gnuplot-nox
