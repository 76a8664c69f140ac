// Combinators and handles: nothing is lost or doubled in any order in which what they wait for
// comes and they are cancelled (cancel_driver.h): before, while and after they wait.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/combine/from_callback.h"
#include "core/combine/join_all.h"
#include "core/combine/run_with_limit.h"
#include "core/combine/stop_token.h"
#include "core/combine/unordered.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/join_set.h"
#include "core/runtime/spawn.h"
#include "core/sync/event.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/select_loop.h"
#include "core/task/select_ordered.h"
#include "core/task/shield.h"
#include "core/task/task_local.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/slots.h"

namespace sluice::core::testing {
namespace {

// A wait takes slots through a combinator, and says how many it has got. A grant is a slot.
template <auto kTake>
struct TakeCase {
  Task<bool> Wait(int) {
    const int got = co_await kTake(slots);
    taken += got;
    co_return got > 0;
  }
  void Grant(int) { slots.Give(); }
  std::string Check(const CancelRun& run) {
    int left = 0;
    while (slots.TryTake()) ++left;
    for (int i = 0; i < left; ++i) slots.Give();
    // One that waits for a second slot may hold a first one.
    const bool lost = run.waiting == 0 && taken + left < run.given;
    if (lost || taken + left > run.given) return "a slot was lost or doubled";
    return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
  }

  Slots slots{0};
  int taken = 0;
};

Task<bool> TakeOne(Slots& slots) { co_return co_await slots.Take(); }

Task<int> TakeJoined(Slots& slots) {
  auto [a, b] = co_await Join(slots.Take(), TakeOne(slots));
  co_return a + b;
}
TEST(CancelOrdersTest, Join) { EXPECT_EQ(FindBadOrder<TakeCase<TakeJoined>>(), ""); }

Task<int> TakeSelected(Slots& slots) {
  auto outcome = co_await Select(slots.Take(), TakeOne(slots));
  co_return outcome.Get<0>() + outcome.Get<1>();
}
TEST(CancelOrdersTest, Select) { EXPECT_EQ(FindBadOrder<TakeCase<TakeSelected>>(), ""); }

Task<int> TakeBiased(Slots& slots) {
  auto outcome = co_await SelectBiased(slots.Take(), TakeOne(slots), If(false, TakeOne(slots)));
  co_return outcome.Get<0>().value_or(false) + outcome.Get<1>().value_or(false);
}
TEST(CancelOrdersTest, SelectBiased) { EXPECT_EQ(FindBadOrder<TakeCase<TakeBiased>>(), ""); }

Task<int> TakeFair(Slots& slots) {
  FairOrder order;
  int got = 0;
  for (int i = 0; i < 2; ++i) {
    auto outcome = co_await SelectFair(order, TakeOne(slots), slots.Take());
    got += outcome.Get<0>().value_or(false) + outcome.Get<1>().value_or(false);
  }
  co_return got;
}
TEST(CancelOrdersTest, SelectFair) { EXPECT_EQ(FindBadOrder<TakeCase<TakeFair>>(), ""); }

Task<int> TakeInLoop(Slots& slots) {
  int got = 0;
  SelectLoop loop(Repeat<"a">([&] { return slots.Take(); }),
                  Repeat<"b">([&] { return TakeOne(slots); }));
  const auto take = [&] {
    got += loop.Take<"a">().value_or(false) + loop.Take<"b">().value_or(false);
  };
  while (co_await loop.Next()) {
    take();
    if (got == 0) continue;
    co_await loop.Stop();
    break;
  }
  take();
  co_return got;
}
TEST(CancelOrdersTest, SelectLoop) { EXPECT_EQ(FindBadOrder<TakeCase<TakeInLoop>>(), ""); }

Task<int> TakeUnordered(Slots& slots) {
  Unordered<bool> set;
  set.Add(TakeOne(slots));
  set.Add(TakeOne(slots));
  int got = 0;
  while (std::optional<bool> one = co_await set.Next()) got += *one;
  co_return got;
}
TEST(CancelOrdersTest, Unordered) { EXPECT_EQ(FindBadOrder<TakeCase<TakeUnordered>>(), ""); }

Task<int> TakeAll(Slots& slots) {
  std::vector<Task<bool>> takes;
  for (int i = 0; i < 2; ++i) takes.push_back(TakeOne(slots));
  int got = 0;
  for (const bool one : co_await JoinAll(std::move(takes))) got += one;
  co_return got;
}
TEST(CancelOrdersTest, JoinAll) { EXPECT_EQ(FindBadOrder<TakeCase<TakeAll>>(), ""); }

Task<int> TakeLimited(Slots& slots) {
  int got = 0;
  (void)co_await RunWithLimit(1, std::array{0, 1},
                              [&](int) -> Task<void> { got += co_await slots.Take(); });
  co_return got;
}
TEST(CancelOrdersTest, RunWithLimit) { EXPECT_EQ(FindBadOrder<TakeCase<TakeLimited>>(), ""); }

Task<int> TakeUntilStopped(Slots& slots) {
  std::stop_source stop;
  const std::optional<bool> got = co_await UntilStopped(stop.get_token(), TakeOne(slots));
  co_return got.value_or(false);
}
TEST(CancelOrdersTest, UntilStopped) { EXPECT_EQ(FindBadOrder<TakeCase<TakeUntilStopped>>(), ""); }

constinit TaskLocal<int> number;
Task<int> TakeWithLocal(Slots& slots) { co_return co_await number.With(1, TakeOne(slots)); }
TEST(CancelOrdersTest, TaskLocal) { EXPECT_EQ(FindBadOrder<TakeCase<TakeWithLocal>>(), ""); }

// What is shielded is not cancelled, and what is around it is: one slot in any order but that.
Task<int> TakeBesideShield(Slots& slots) {
  auto [shielded, other] =
      co_await Join(Shield([]() -> Task<bool> { co_return true; }()), slots.Take());
  co_return shielded ? other : 100;
}
TEST(CancelOrdersTest, Shield) { EXPECT_EQ(FindBadOrder<TakeCase<TakeBesideShield>>(), ""); }

// A grant is a call back; a value that comes too late is kept.
struct CallbackCase {
  Task<bool> Wait(int) {
    IoResult<MoveOnly> got = co_await FromCallback<MoveOnly>(
        [this](Completer<MoveOnly> done) { completers.push_back(std::move(done)); });
    co_return got.ok();
  }
  void Grant(int i) {
    while (!completers.empty()) {
      Completer<MoveOnly> done = std::move(completers.front());
      completers.pop_front();
      if (done.Complete(MoveOnly(counts, i))) return;
    }
    ++kept;
  }
  std::string Check(const CancelRun& run) {
    if (run.got + kept != run.given) return "a value was lost or doubled";
    return counts.alive == 0 ? "" : "a value was leaked";
  }

  ValueCounts counts;
  std::deque<Completer<MoveOnly>> completers;
  int kept = 0;
};
TEST(CancelOrdersTest, FromCallback) { EXPECT_EQ(FindBadOrder<CallbackCase>(), ""); }

RuntimeHandle RuntimeOf(const Context& context) {
  return RuntimeHandle(static_cast<Shared&>(context.task->scheduler().whole()));
}

// A wait is for the end of another task, which is aborted when it is cut short. That task ends,
// with a value, by a grant.
struct HandleCase {
  Task<MoveOnly> Make(int i) {
    if (!(co_await go[static_cast<size_t>(i)].Wait()).ok()) throw Cancelled();
    ++made;
    co_return MoveOnly(counts, i);
  }
  Task<bool> Wait(int i) {
    const RuntimeHandle runtime = RuntimeOf(co_await CurrentContext());
    JoinHandle<MoveOnly> handle = runtime.Spawn(Make(i));
    const bool ended = co_await handle.Ended();
    if (!ended) handle.Abort();
    Outcome<MoveOnly> outcome = co_await std::move(handle);
    if (ended && !outcome.has_value()) wrong = "it had not ended";
    taken += outcome.has_value() ? 1 : 0;
    co_return outcome.has_value();
  }
  void Grant(int i) { go[static_cast<size_t>(i)].Set(); }
  std::string Check(const CancelRun& run) {
    if (!wrong.empty()) return wrong;
    if (taken != made) return "an outcome was lost or doubled";
    for (int i = 0; i < 2; ++i) {
      const bool waits = run.begun[i] && !run.ended[i];
      if (waits && go[static_cast<size_t>(i)].is_set())
        return "one waits for a task that has ended";
    }
    return counts.alive == 0 ? "" : "a value was leaked";
  }

  ValueCounts counts;
  std::array<Event, 2> go;
  std::string wrong;
  int made = 0;
  int taken = 0;
};
TEST(CancelOrdersTest, JoinHandle) { EXPECT_EQ(FindBadOrder<HandleCase>(), ""); }

// The same with a set, whose tasks are aborted when a wait is cut short.
struct SetCase {
  Task<MoveOnly> Make(size_t i) {
    if (!(co_await go[i].Wait()).ok()) throw Cancelled();
    ++made;
    co_return MoveOnly(counts, 0);
  }
  Task<bool> Wait(int) {
    const Context context = co_await CurrentContext();
    JoinSet<MoveOnly> set(RuntimeOf(context));
    for (size_t i = 0; i < go.size(); ++i) (void)set.Spawn(Make(i));
    int got = 0;
    const auto count = [&got](const std::optional<Outcome<MoveOnly>>& outcome) {
      if (outcome.has_value() && outcome->has_value()) ++got;
    };
    while (!set.empty() && !context.scope->cancelled()) count(co_await set.Next());
    set.AbortAll();
    while (!set.empty()) count(co_await Shield(set.Next()));
    taken += got;
    co_return got > 0;
  }
  void Grant(int i) { go[static_cast<size_t>(i)].Set(); }
  std::string Check(const CancelRun& run) {
    if (run.waiting == 0 && taken != made) return "an outcome was lost or doubled";
    if (run.waiting > 0 && run.given == 2) return "one waits though all tasks have ended";
    return run.waiting == 0 && counts.alive > 0 ? "a value was leaked" : "";
  }

  ValueCounts counts;
  std::array<Event, 2> go;
  int made = 0;
  int taken = 0;
};
TEST(CancelOrdersTest, JoinSet) { EXPECT_EQ(FindBadOrder<SetCase>(), ""); }

}  // namespace
}  // namespace sluice::core::testing
