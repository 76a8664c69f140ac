// WakeFlag, the real header, with the kernel's eventfd: a sleeper misses no wake-up, and after it
// has been woken it sees what was written before Wake.
#include <array>

#include "core/base/check.h"
#include "core/reactor/wake_flag.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr Order kRelaxed = std::memory_order_relaxed;

struct State {
  // What Reactor::Turn does when it may wait.
  void Turn() {
    if (!flag.BeginSleep()) return;
    eventfd.Wait();
    flag.EndSleep();
  }
  void Sleeper(int messages) {
    for (;;) {
      int seen = 0;
      for (core::Atomic<int>& message : posted) seen += message.load(kRelaxed);
      if (seen == messages) return;
      Turn();
    }
  }
  void Post(int index) {
    posted[index].store(1, kRelaxed);
    if (flag.Wake()) eventfd.Set();
  }

  // The kernel refuses the first signal: the wake-up is owed, and given later.
  void PostRefused(int index, bool take_back) {
    posted[index].store(1, kRelaxed);
    if (!flag.Wake()) return;
    if (take_back) flag.TakeBack();
    if (flag.Wake()) eventfd.Set();
  }

  core::WakeFlag flag;
  Signal eventfd;
  std::array<core::Atomic<int>, 3> posted;
};

void TwoWakers(Execution& run) {
  auto& s = run.Make<State>();
  run.Thread("sleeper", [&s] { s.Sleeper(3); });
  run.Thread("waker one", [&s] {
    s.Post(0);
    s.Post(1);
  });
  run.Thread("waker two", [&s] { s.Post(2); });
}

TEST(WakeFlag, TwoWakers) { ExpectHolds(TwoWakers); }

Model ARefusedSignal(bool take_back) {
  return [take_back](Execution& run) {
    auto& s = run.Make<State>();
    run.Thread("sleeper", [&s] { s.Sleeper(3); });
    run.Thread("refused waker", [&s, take_back] { s.PostRefused(0, take_back); });
    run.Thread("waker", [&s] {
      s.Post(1);
      s.Post(2);
    });
  };
}

TEST(WakeFlag, ARefusedSignalIsGivenAgain) { ExpectHolds(ARefusedSignal(true)); }
TEST(WakeFlagMutant, TheFlagIsNotTakenBack) { ExpectFails(ARefusedSignal(false)); }

TEST(WakeFlagMutant, WakeWithoutRelease) {
  ExpectCaught(TwoWakers, {"::Wake(", Action::kUpdate, -1, std::memory_order_acquire});
}
TEST(WakeFlagMutant, EndSleepWithoutAcquire) {
  ExpectCaught(TwoWakers, {"EndSleep(", Action::kUpdate});
}
TEST(WakeFlagMutant, BeginSleepWithoutAcquire) {
  ExpectCaught(TwoWakers, {"BeginSleep(", Action::kUpdate});
}

}  // namespace
}  // namespace sluice::model
