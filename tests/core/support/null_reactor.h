// NullReactor: a reactor for tests of the scheduler. It has no descriptors; it waits and is woken.
#ifndef SLUICE_TESTS_CORE_SUPPORT_NULL_REACTOR_H_
#define SLUICE_TESTS_CORE_SUPPORT_NULL_REACTOR_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/reactor/reactor.h"

namespace sluice::core::testing {

class NullReactor final : public Reactor {
 public:
  static ReactorFactory Factory() {
    return [](BufferPool&) -> absl::StatusOr<std::unique_ptr<Reactor>> {
      return std::make_unique<NullReactor>();
    };
  }

  bool Submit(Op&) override { SLUICE_CHECK(false); }
  void Cancel(Op&) override { SLUICE_CHECK(false); }
  bool Retry(Op&) override { SLUICE_CHECK(false); }
  IoResult<int> OpenSocket(int) override { SLUICE_CHECK(false); }
  void Close(int) override { SLUICE_CHECK(false); }
  int64_t in_flight() const override { return 0; }

  void Trim() override {}
  void Turn(std::optional<Duration> timeout, uint32_t) override {
    Count(counters_.turns);
    if (timeout == 0ns) return;
    absl::MutexLock lock(&mutex_);
    const absl::Time until =
        timeout.has_value() ? absl::Now() + absl::FromChrono(*timeout) : absl::InfiniteFuture();
    while (!woken_) {
      if (changed_.WaitWithDeadline(&mutex_, until)) break;
    }
    woken_ = false;
  }

 protected:
  bool TryWake() override {
    absl::MutexLock lock(&mutex_);
    woken_ = true;
    changed_.Signal();
    return true;
  }

 private:
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_NULL_REACTOR_H_
