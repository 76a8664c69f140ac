#!/bin/bash
# Installs what building Sluice needs on Debian 12.
#
#   bazel/bootstrap.sh            what `bazel build //proxy:sluice` needs
#   bazel/bootstrap.sh --tests    that, and what the tests, the sanitizers and the formatters need
#   bazel/bootstrap.sh --check    installs nothing; tells what `--tests` would install, and exits
#                                 with 1 if that is anything
#
# Further packages can be named as arguments. It may be run again at any time: when everything is
# there it changes nothing and takes no time. It leaves no server running.
set -euo pipefail

build_packages=(
  clang-19 lld-19
  # Bazel 4 (the command `bazel`) and the rules that it would otherwise download.
  bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto bazel-skylib
  # Libraries.
  libabsl-dev libc-ares-dev libcap-ng-dev libfmt-dev libjemalloc-dev libjs-chart.js
  libmicrohttpd-dev libncurses-dev liburing-dev libseccomp-dev libspdlog-dev libxxhash-dev
  libyaml-cpp-dev nlohmann-json3-dev
)
test_packages=(
  # The second compiler; sanitizers, coverage and their symbols; formatters.
  g++ libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19
  # Libraries.
  libbenchmark-dev libgmock-dev libgtest-dev
  # What other projects find the runtime with.
  cmake ninja-build pkg-config
  # Clients, upstreams, peers and the system's own tools.
  bash chromium chromium-driver curl dnsmasq-base fish haproxy iperf3 iproute2 libnginx-mod-stream
  nginx openssh-client openssl postgresql postgresql-contrib procps prometheus python3
  python3-jsonschema python3-markdown python3-selenium python3-yaml redis-server redis-tools strace
  tmux util-linux wrk zsh
  # The package: what builds it, and what judges and runs it.
  dpkg-dev lintian logrotate man-db mandoc skopeo systemd
)
# Bazel's package depends on these, and Bazel itself uses neither: it runs on a JRE, and compiles
# with clang. They are a third of the download. Where they are not installed, a package without
# content stands in for them.
unused_packages=(default-jdk-headless build-essential)
stand_in=sluice-bootstrap

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# Prints those of the arguments that are not installed.
not_installed() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  printf '%s\n' "$@" | grep -vxF -e "${installed:-none}" || true
}

# Keeps the services of freshly installed packages from being started, until the script ends.
policy=/usr/sbin/policy-rc.d
forbid_service_starts() {
  if [[ -e $policy ]]; then cp -a "$policy" "$scratch/"; fi
  printf '#!/bin/sh\nexit 101\n' >"$scratch/forbid"
  install -m 755 "$scratch/forbid" "$policy"
}

clean_up() {
  rm -f "$policy"
  if [[ -e $scratch/policy-rc.d ]]; then cp -a "$scratch/policy-rc.d" "$policy"; fi
  rm -rf "$scratch"
}

# Prints the path of a package that provides the arguments and has no content.
make_stand_in() {
  local provided
  provided=$(printf '%s, ' "$@")
  mkdir -p "$scratch/$stand_in/DEBIAN"
  cat >"$scratch/$stand_in/DEBIAN/control" <<CONTROL
Package: $stand_in
Version: 1
Architecture: all
Maintainer: bazel/bootstrap.sh of Sluice <root@localhost>
Provides: ${provided%, }
Depends: default-jre-headless
Description: stands in for packages that Bazel depends on and does not use
 The real packages can be installed beside it at any time.
CONTROL
  dpkg-deb --root-owner-group --build "$scratch/$stand_in" "$scratch/$stand_in.deb" >/dev/null
  echo "$scratch/$stand_in.deb"
}

install_packages() {
  scratch=$(mktemp -d)
  chmod 755 "$scratch" # apt reads the stand-in as another user
  trap clean_up EXIT
  forbid_service_starts
  local unused
  mapfile -t unused < <(not_installed "${unused_packages[@]}")
  if [[ -n $(not_installed bazel-bootstrap) ]] && ((${#unused[@]} != 0)); then
    say "Bazel's package depends on these, which Bazel does not use: ${unused[*]}."
    say "The empty package $stand_in stands in for them."
    set -- "$@" "$(make_stand_in "${unused[@]}")"
  fi
  export DEBIAN_FRONTEND=noninteractive
  local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=600)
  # The package lists may well be fresh enough; when they are not, fetch them and try again.
  apt-get "${options[@]}" install "$@" ||
    { apt-get -q update && apt-get "${options[@]}" install "$@"; }
}

arguments=("$@")
packages=("${build_packages[@]}")
check=false
for argument in "$@"; do
  case $argument in
    --tests) packages+=("${test_packages[@]}") ;;
    --check) packages+=("${test_packages[@]}") check=true ;;
    -*)
      say "there is no option $argument; the options are --tests and --check."
      exit 2
      ;;
    *) packages+=("$argument") ;;
  esac
done

mapfile -t missing < <(not_installed "${packages[@]}")
if ((${#missing[@]} == 0)); then
  exit 0
fi
if $check; then
  say "the tests need Debian packages that are not installed: ${missing[*]}."
  say "To install them, run: bazel/bootstrap.sh --tests"
  exit 1
fi

if ((EUID == 0)); then
  say "installing ${missing[*]}."
  install_packages "${missing[@]}" </dev/null
elif sudo -n true 2>/dev/null; then
  exec sudo -n "$(readlink -f "$0")" "${arguments[@]}"
else
  say "these Debian packages are needed and are not installed: ${missing[*]}."
  say "Only root can install them, and sudo would ask for a password here. Please run:"
  say "  sudo $0${arguments[*]:+ ${arguments[*]}}"
  exit 1
fi

mapfile -t missing < <(not_installed "${packages[@]}")
if ((${#missing[@]} != 0)); then
  say "apt-get succeeded, but these packages are still not installed: ${missing[*]}."
  exit 1
fi
