// CancellationSource, the real code: each notice is delivered once or was unregistered in time.
#include <array>
#include <coroutine>
#include <utility>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/tasks.h"

namespace sluice::model {
namespace {

struct State : Tasks {
  core::CancellationSource source;
  std::array<core::Runnable*, 2> tasks{};
  int heard = 0;
};

core::Task<void> WaitForCancel(State& s) {
  SLUICE_CHECK(co_await s.source.token().Cancelled());
  ++s.heard;
}

// Two begin to wait while one thread cancels, and another one, too.
void TwoWait(Execution& run) {
  auto& s = run.Make<State>();
  for (int i = 0; i < 2; ++i) {
    core::Joinable<void>& task = s.Make(WaitForCancel(s));
    task.Unref();
    s.tasks[i] = &task;
    run.Thread(i == 0 ? "waiter one" : "waiter two", [&s, i] { Tasks::Run(*s.tasks[i]); });
  }
  for (const char* name : {"cancels", "cancels too"}) {
    run.Thread(name, [&s] {
      s.source.Cancel();
      s.RunWoken();
    });
  }
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.heard == 2);
  });
}

// A notice of its own, withdrawn at any moment.
struct Notice final : core::CancelNotice {
  void OnReady() override {
    Delivered();
    ++heard;
    if (waiter) std::exchange(waiter, {}).resume();
  }
  int heard = 0;
  std::coroutine_handle<> waiter;
};

// Until nothing is on its way.
struct Quiet {
  Notice& notice;
  bool await_ready() const { return !notice.registered(); }
  void await_suspend(std::coroutine_handle<> handle) { notice.waiter = handle; }
  void await_resume() const {}
};

core::Task<void> RegisterAndUnregister(State& s, Notice& notice, bool& withdrawn) {
  const core::Context here = co_await core::CurrentContext();
  notice.Register(s.source.token(), *here.task);
  withdrawn = notice.Unregister();
  co_await Quiet{notice};
}

void Withdraw(Execution& run) {
  auto& s = run.Make<State>();
  auto& notice = run.Make<Notice>();
  auto& withdrawn = run.Make<bool>(false);
  core::Joinable<void>& task = s.Make(RegisterAndUnregister(s, notice, withdrawn));
  task.Unref();
  s.tasks[0] = &task;
  run.Thread("registers", [&s] { Tasks::Run(*s.tasks[0]); });
  run.Thread("cancels", [&s] {
    s.source.Cancel();
    s.RunWoken();
  });
  run.Finally([&] {
    s.RunWoken();
    SLUICE_CHECK(notice.heard == (withdrawn ? 0 : 1));
    SLUICE_CHECK(!notice.registered());
  });
}

// A thread that sees that it is cancelled sees what was done before.
void Poll(Execution& run) {
  auto& s = run.Make<State>();
  auto& why = run.Make<Cell<int>>("why");
  run.Thread("cancels", [&] {
    why.Set(1);
    s.source.Cancel();
  });
  run.Thread("looks", [&] {
    if (s.source.cancelled()) SLUICE_CHECK(why.Get() == 1);
  });
}

TEST(Cancellation, Poll) { ExpectHolds(Poll); }
TEST(CancellationMutant, StoredRelaxed) { ExpectCaught(Poll, {"Cancel(", Action::kStore}); }
TEST(CancellationMutant, LoadedRelaxed) { ExpectCaught(Poll, {"cancelled(", Action::kLoad}); }

TEST(Cancellation, TwoWait) { ExpectHolds(TwoWait); }
TEST(Cancellation, Withdraw) { ExpectHolds(Withdraw); }

}  // namespace
}  // namespace sluice::model
