#!/bin/bash
# Prints what the tests reach of our own code: a table, the functions never called, the lines never
# run.
#
#   bazel/coverage.sh                            runs the default tests and counts from zero
#   bazel/coverage.sh --add //tests/conf/...     runs these and adds to earlier counts
#   bazel/coverage.sh --report                   prints what has been counted, and runs nothing
#
# The proxies that tests start count too, however they end: the counters are in mapped files.
set -euo pipefail
cd "$(dirname "$0")/.."

profiles=$PWD/.cache/coverage
# The model checker runs another build of these files, and mistakes are planted in copies of them.
all=(//tests/core/... //tests/conf/... //tests/proxy/... //tests/contract/... //tests/fuzz/...
  //tests/sim:sim_test //tests/e2e/... //tests/fault/...)
folders=(core conf proxy iouring epoll)

keep=no run=yes
case ${1-} in
  --add) keep=yes; shift ;;
  --report) keep=yes; run=no; shift ;;
esac
targets=("${@-}")
if (($# == 0)); then targets=("${all[@]}"); fi

failed=0
if [[ $run == yes ]]; then
  if [[ $keep == no ]]; then rm -rf "$profiles"; fi
  mkdir -p "$profiles"
  # %c: the counters are in the mapped file; %m: one file for each program, whichever test runs it.
  bazel test --config=cov --nocache_test_results --test_env=LLVM_PROFILE_FILE="$profiles/%c%m.raw" \
    "${targets[@]}" || failed=$?
fi

bin=$(bazel info --config=cov bazel-bin 2>/dev/null)
objects=("$bin/proxy/sluice")
tests='kind(cc_test, //tests/... - //tests/model/... - //tests/sim:mutant_test)'
while read -r label; do
  program=$bin/${label#//}
  if [[ -x ${program/:/\/} ]]; then objects+=(-object "${program/:/\/}"); fi
done < <(bazel query --noshow_progress "$tests" 2>/dev/null)

llvm-profdata-19 merge --failure-mode=all -o "$profiles/all.profdata" "$profiles"/*.raw
for format in lcov text; do
  llvm-cov-19 export -format=$format -instr-profile="$profiles/all.profdata" "${objects[@]}" \
    -compilation-dir="$PWD" >"$profiles/$format"
done
python3 bazel/coverage.py "$profiles/lcov" "$profiles/text" "${folders[@]}"
exit "$failed"
