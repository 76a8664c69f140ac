// Tests have abseil look for mutexes that are locked in an order that may lead to a deadlock, also
// in optimised builds: there the runtime switches it off, before this (core/runtime/runtime.cc).
#include "absl/synchronization/mutex.h"

namespace {

[[maybe_unused]] const bool searches = [] {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kAbort);
  return true;
}();

}  // namespace
