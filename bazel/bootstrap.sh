#!/bin/bash
# Installs what building and testing Sluice needs on Debian 12. May be run again at any time: when
# everything is there it changes nothing and takes no time. It leaves no server running. Further
# packages can be named as arguments.
set -euo pipefail

packages=(
  # Compilers and tools for them.
  clang-19 lld-19 libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19 g++
  # Bazel 4 (the command `bazel`) and the rules that it would otherwise download.
  bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto bazel-skylib
  # Libraries.
  libabsl-dev libbenchmark-dev libcpp-httplib-dev libfmt-dev libgmock-dev libgtest-dev
  libjemalloc-dev liburing-dev libseccomp-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev
  libbrotli-dev libssl-dev zlib1g-dev # headers that httplib's includes
  # Tools of the tests: clients, upstreams, peers, the system's own.
  curl haproxy iperf3 iproute2 libnginx-mod-stream nginx postgresql postgresql-contrib procps
  python3 redis-server redis-tools strace util-linux wrk
  "$@"
)

# Prints the packages that are not installed.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  printf '%s\n' "${packages[@]}" | grep -vxF -e "${installed:-none}" || true
}

# Keeps the services of freshly installed packages from being started, until the script ends.
policy=/usr/sbin/policy-rc.d
forbid_service_starts() {
  saved=$(mktemp -d)
  trap allow_service_starts EXIT
  if [[ -e $policy ]]; then cp -a "$policy" "$saved/"; fi
  printf '#!/bin/sh\nexit 101\n' >"$saved/forbid"
  install -m 755 "$saved/forbid" "$policy"
}

allow_service_starts() {
  rm -f "$policy"
  if [[ -e $saved/policy-rc.d ]]; then cp -a "$saved/policy-rc.d" "$policy"; fi
  rm -rf "$saved"
}

install_packages() {
  forbid_service_starts
  export DEBIAN_FRONTEND=noninteractive
  local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=600)
  # The package lists may well be fresh enough; when they are not, fetch them and try again.
  apt-get "${options[@]}" install "$@" ||
    { apt-get -q update && apt-get "${options[@]}" install "$@"; }
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  exit 0
fi

if ((EUID == 0)); then
  echo "bootstrap: installing ${missing[*]}" >&2
  install_packages "${missing[@]}" </dev/null
elif sudo -n true 2>/dev/null; then
  exec sudo -n "$(readlink -f "$0")" "$@"
else
  cat >&2 <<MESSAGE
bootstrap: these Debian packages are needed and not installed:
  ${missing[*]}
Only root can install them, and sudo would ask for a password here. Please run:
  sudo $0 $*
MESSAGE
  exit 1
fi

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} != 0)); then
  echo "bootstrap: still not installed: ${missing[*]}" >&2
  exit 1
fi
