// Cancels from other workers on their way to the reactor that has the ops: none is left lying while
// it sleeps, none is begun twice.
//
// A transcription of UringReactor::Cancel (the part after the reference has been taken; that is
// kernel_refs_model_test), TakeRemoteCancels and Turn, with the real WakeFlag.
#include <array>
#include <utility>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/reactor/wake_flag.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr int kOps = 2;

struct Mistakes {
  bool wakes_first = false;          // tells the reactor before there is something to find
  bool clears_after_unlock = false;  // a cancel that came meanwhile loses its mark
  // Orders that turn out to be stronger than needed: the wake-up orders it.
  bool marks_relaxed = false;
};

struct State {
  explicit State(const Mistakes& mistakes) : mistakes(mistakes) {}

  // A task on another worker; its own op.
  void Cancel(int op) {
    if (mistakes.wakes_first) Wake();
    requests[op].Set(1);
    remote.Lock();
    cancels.push_back(op);
    marked.store(true,
                 mistakes.marks_relaxed ? std::memory_order_relaxed : std::memory_order_release);
    remote.Unlock();
    if (!mistakes.wakes_first) Wake();
  }
  void Wake() {
    if (wake.Wake()) eventfd.Set();
  }

  void Turn() {
    TakeRemoteCancels();
    if (wake.BeginSleep()) {
      eventfd.Wait();
      wake.EndSleep();
    }
  }
  void TakeRemoteCancels() {
    if (!marked.load(mistakes.marks_relaxed ? std::memory_order_relaxed
                                            : std::memory_order_acquire)) {
      return;
    }
    std::vector<int> taken;
    remote.Lock();
    taken.swap(cancels);
    if (!mistakes.clears_after_unlock) marked.store(false, std::memory_order_relaxed);
    remote.Unlock();
    if (mistakes.clears_after_unlock) marked.store(false, std::memory_order_relaxed);
    for (const int op : taken) Start(op);
  }
  void Start(int op) {
    SLUICE_CHECK(requests[op].Get() == 1);
    SLUICE_CHECK(++started[op] == 1);
  }

  const Mistakes mistakes;
  core::WakeFlag wake;
  Signal eventfd;
  ModelMutex remote;
  std::vector<int> cancels;
  core::Atomic<bool> marked{false};
  std::array<Cell<int>, kOps> requests{Cell<int>("op one"), Cell<int>("op two")};
  std::array<int, kOps> started{};
};

// The reactor sleeps for ever once there is nothing left to do.
Model TwoCancel(const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    run.Daemon("reactor", [&s] {
      for (;;) s.Turn();
    });
    run.Thread("task one", [&s] { s.Cancel(0); });
    run.Thread("task two", [&s] { s.Cancel(1); });
    run.Finally([&s] {
      for (const int started : s.started) SLUICE_CHECK(started == 1);
    });
  };
}

TEST(RemoteCancel, Two) { ExpectHolds(TwoCancel()); }
TEST(RemoteCancel, TheWakeUpOrdersTheMark) { ExpectHolds(TwoCancel({.marks_relaxed = true})); }

TEST(RemoteCancelMutant, WakesFirst) { ExpectFails(TwoCancel({.wakes_first = true})); }
TEST(RemoteCancelMutant, ClearsAfterUnlock) {
  ExpectFails(TwoCancel({.clears_after_unlock = true}));
}
TEST(RemoteCancelMutant, WakeWithoutRelease) {
  ExpectCaught(TwoCancel({.marks_relaxed = true}),
               {"WakeFlag::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}

}  // namespace
}  // namespace sluice::model
