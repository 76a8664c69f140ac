// Event, the real code: no wait is missed, and what was done before Set is seen.
#include <array>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/sync/event.h"
#include "core/task/select.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/tasks.h"

namespace sluice::model {
namespace {

struct State : Tasks {
  core::Event event;  // that none is left in its list is checked when it goes
  core::CancellationSource time_is_up;
  Cell<int> data{"what was done before"};
  std::array<core::Runnable*, 2> tasks{};
  int woken = 0;
  int gave_up = 0;
};

core::Task<void> WaitInTime(State& s) {
  auto outcome = co_await core::Select(s.event.Wait(), s.time_is_up.token().Cancelled());
  const bool happened = outcome.Get<0>().ok();
  if (happened) (void)s.data.Get();
  ++(happened ? s.woken : s.gave_up);
}

// Two tasks come while it is set and, if `hurries`, their time runs out.
Model Waiting(bool hurries) {
  return [hurries](Execution& run) {
    auto& s = run.Make<State>();
    for (int i = 0; i < 2; ++i) {
      core::Joinable<void>& root = s.Make(WaitInTime(s));
      root.Unref();
      s.tasks[i] = &root;
    }
    Tasks::Run(*s.tasks[0]);
    run.Thread("second", [&s] { Tasks::Run(*s.tasks[1]); });
    run.Thread("setter", [&s] {
      s.data.Set(1);
      s.event.Set();
      s.RunWoken();
    });
    if (hurries) {
      run.Thread("time", [&s] {
        s.time_is_up.Cancel();
        s.RunWoken();
      });
    }
    run.Finally([&s, hurries] {
      s.RunWoken();
      SLUICE_CHECK(s.woken + s.gave_up == 2 && (hurries || s.woken == 2));
    });
  };
}

TEST(EventModel, NoneIsMissed) { ExpectHolds(Waiting(/*hurries=*/false)); }
TEST(EventModel, SomeGiveUp) { ExpectHolds(Waiting(/*hurries=*/true)); }
TEST(EventOrders, Set) { ExpectCaught(Waiting(false), {"::Set(", Action::kStore}); }
TEST(EventOrders, IsSet) { ExpectCaught(Waiting(false), {"::is_set(", Action::kLoad}); }

}  // namespace
}  // namespace sluice::model
