// Time that passes only while all tasks wait: a test of hours takes no time and is exact.
#ifndef SLUICE_TESTS_CORE_SUPPORT_VIRTUAL_TIME_H_
#define SLUICE_TESTS_CORE_SUPPORT_VIRTUAL_TIME_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/counter.h"
#include "core/base/time.h"
#include "core/reactor/reactor.h"
#include "core/runtime/runtime.h"

namespace sluice::core::testing {

class VirtualClock final : public Clock {
 public:
  Instant Now() const override {
    ++reads_;
    return now_;
  }
  uint64_t reads() const { return reads_; }  // how often it was asked
  void Advance(Duration by) { now_ += by; }

 private:
  Instant now_ = Instant(1000s);
  mutable uint64_t reads_ = 0;
};

// One worker on one thread: waiting is letting the time pass. Waiting for ever is a mistake.
class VirtualReactor final : public Reactor {
 public:
  explicit VirtualReactor(VirtualClock& clock) : clock_(clock) {}

  bool Submit(Op&) override { SLUICE_CHECK(false); }
  void Cancel(Op&) override { SLUICE_CHECK(false); }
  bool Retry(Op&) override { SLUICE_CHECK(false); }
  IoResult<int> OpenSocket(int) override { SLUICE_CHECK(false); }
  void Close(int) override { SLUICE_CHECK(false); }
  int64_t in_flight() const override { return 0; }
  void Trim() override {}
  void Turn(std::optional<Duration> timeout, uint32_t) override {
    Count(counters_.turns);
    if (timeout == 0ns || std::exchange(woken_, false)) return;
    SLUICE_CHECK(timeout.has_value());
    clock_.Advance(*timeout);
  }

 protected:
  bool TryWake() override { return woken_ = true; }

 private:
  VirtualClock& clock_;
  bool woken_ = false;
};

class VirtualRuntime {
 public:
  VirtualRuntime()
      : runtime_({.worker = {.buffers = 1, .buffer_size = 4096}}, clock,
                 [this](BufferPool&) -> absl::StatusOr<std::unique_ptr<Reactor>> {
                   return std::make_unique<VirtualReactor>(clock);
                 }) {}

  void Run(Task<void> main) { SLUICE_CHECK(runtime_.Run(std::move(main)).ok()); }
  RuntimeHandle handle() { return runtime_.handle(); }  // what was counted, too

  VirtualClock clock;

 private:
  Runtime runtime_;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_VIRTUAL_TIME_H_
