#!/bin/bash
# Runs clang-tidy over our own C++ (or over the files given), with the checks of .clang-tidy. Prints
# its findings and exits with 1, or exits with 0 when there are none.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v clang-tidy-19 >/dev/null; then
  echo "tidy.sh: clang-tidy-19 is not installed; bazel/bootstrap.sh --tests installs it." >&2
  exit 2
fi
# No -isystem /usr/include: clang looks there anyway, but after the C++ headers, as it must.
flags=(-std=c++20 -I. -Wthread-safety)
if (($# == 0)); then
  mapfile -t files < <(
    git ls-files 'core/*.cc' 'iouring/*.cc' 'epoll/*.cc' 'conf/*.cc' 'proxy/*.cc')
else
  files=("$@")
fi

found=$(printf '%s\n' "${files[@]}" |
  xargs -P "$(nproc)" -n 1 -I{} clang-tidy-19 --quiet {} -- "${flags[@]}" 2>/dev/null |
  grep -E '(warning|error): ' | sort -u) || true
if [[ -n $found ]]; then
  printf '%s\n' "$found"
  exit 1
fi
