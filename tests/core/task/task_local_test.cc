// TaskLocal: found by everything that runs inside, by nothing that does not.
#include "core/task/task_local.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/combine/join_all.h"
#include "core/combine/unordered.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/sync/event.h"
#include "core/task/cancel_scope.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/select_loop.h"
#include "core/task/select_ordered.h"
#include "core/task/shield.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "tests/core/support/backends.h"
#include "tests/core/support/run.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

// A scope is one word, and a Join has no word more than its scopes, branches and the one around.
static_assert(sizeof(CancelScope) == sizeof(void*));
static_assert(sizeof(ScopeRow<2>) == 3 * sizeof(void*));

constinit TaskLocal<std::string> id;
constinit TaskLocal<int> depth;

Task<std::string> Name(int yields = 1) {
  for (int i = 0; i < yields; ++i) co_await core::Yield();
  const std::string* name = co_await id.Find();
  co_return name == nullptr ? "-" : *name;
}

void RunAlone(Task<void> main) {
  TestRuntime runtime(1);
  runtime.Run(std::move(main));
}

Task<void> NoneOutside() {
  EXPECT_EQ(co_await id.Find(), nullptr);
  EXPECT_EQ(co_await Name(), "-");
  EXPECT_TRUE((co_await CurrentLocals()).empty());
  EXPECT_EQ(co_await id.With("a", Name()), "a");
  EXPECT_EQ(co_await id.Find(), nullptr);
}
TEST(TaskLocalTest, InForceForTheSpanOfOneAwait) { RunAlone(NoneOutside()); }

Task<std::string> Both() { co_return (co_await id.Get()) + std::to_string(co_await depth.Get()); }
Task<void> Nested() {
  EXPECT_EQ(co_await id.Get(), "a");
  EXPECT_EQ(co_await id.With("b", Name()), "b");
  EXPECT_EQ(co_await id.Get(), "a");
  EXPECT_EQ(co_await depth.With(1, Both()), "a1");
  EXPECT_EQ(co_await depth.With(1, id.With("c", depth.With(2, Both()))), "c2");
  EXPECT_EQ(co_await depth.Find(), nullptr);
}
Task<void> RunNested() { (void)co_await id.With("a", Nested()); }
TEST(TaskLocalTest, TheInnermostIsFoundAndKeysAreApart) { RunAlone(RunNested()); }

Task<void> Side() {
  auto [a, b, c] = co_await Join(Name(), id.With("b", Name(2)), Name(3));
  EXPECT_EQ(a + b + c, "aba");
  std::vector<Task<std::string>> tasks;
  for (int i = 1; i < 4; ++i) tasks.push_back(Name(i));
  EXPECT_EQ(co_await JoinAll(std::move(tasks)), std::vector<std::string>(3, "a"));
  auto first = co_await Select(Named<"slow">(Name(5)), Named<"quick">(Name(1)));
  EXPECT_EQ(first.Get<"slow">() + first.Get<"quick">(), "aa");
  auto biased = co_await SelectBiased(If(false, Name()), Name(4), Name(2));
  EXPECT_EQ(biased.Get<1>(), "a");
  EXPECT_EQ(biased.Get<2>(), "a");
  EXPECT_EQ(co_await Shield(Name()), "a");
  EXPECT_EQ(co_await WithTimeout(1h, Name()), "a");
  // All of them in each other, with a value half-way.
  EXPECT_EQ(co_await WithTimeout(1h, id.With("i", Shield(WithTimeout(1h, Name(3))))), "i");
}
Task<void> RunSide() { (void)co_await id.With("a", Side()); }
TEST(TaskLocalTest, EachBranchFindsIt) { VirtualRuntime().Run(RunSide()); }

// Branches that outlive a Next find what is in force around the Next that waits.
Task<void> AddAndAwait(Unordered<std::string>& set, const std::string& expected) {
  EXPECT_EQ(co_await set.Next(), expected);
}
Task<void> Between() {
  Unordered<std::string> set;
  set.Add(Name(1));
  (void)co_await id.With("a", AddAndAwait(set, "a"));
  set.Add(Name(1));
  (void)co_await AddAndAwait(set, "-");
  Event go;
  SelectLoop loop(Repeat<"name">([] { return Name(2); }), Repeat<"go">([&] { return go.Wait(); }));
  const auto next = [&loop]() -> Task<std::string> {
    EXPECT_TRUE(co_await loop.Next());
    co_return *loop.Take<"name">();
  };
  EXPECT_EQ(co_await id.With("b", next()), "b");
  EXPECT_EQ(co_await next(), "-");
  co_await loop.Stop();
}
TEST(TaskLocalTest, KeptBranchesFindWhatIsAroundTheirNext) { RunAlone(Between()); }

Task<void> Spawns() {
  EXPECT_EQ((co_await Spawn(Name())).value(), "-");
  EXPECT_EQ((co_await Spawn(WithLocals(co_await CurrentLocals(), Name()))).value(), "a");
}
Task<JoinHandle<std::string>> Outlives(Event& go) {
  const auto wait = [&go]() -> Task<std::string> {
    (void)co_await go.Wait();
    co_return (co_await Name()) + (co_await depth.With(7, Both())).substr(1);
  };
  co_return Spawn(WithLocals(co_await CurrentLocals(), CoInvoke(wait)));
}
Task<void> RunSpawns() {
  (void)co_await id.With("a", Spawns());
  Event go;
  JoinHandle<std::string> handle = co_await depth.With(3, id.With("x", Outlives(go)));
  go.Set();  // the spans have ended
  EXPECT_EQ((co_await std::move(handle)).value(), "x7");
}
TEST(TaskLocalTest, SpawnedTasksHaveThemOnlyWhenAsked) { RunAlone(RunSpawns()); }

Task<LocalValues> Values() { co_return co_await CurrentLocals(); }
Task<void> RunCopies() {
  LocalValues values = co_await id.With("out", depth.With(1, id.With("in", Values())));
  EXPECT_EQ(co_await WithLocals(values, Both()), "in1");  // the inner one hides the outer
  EXPECT_EQ(co_await id.With("new", WithLocals(values, Both())), "in1");
  JoinHandle<std::string> first = Spawn(WithLocals(values, Both()));
  EXPECT_EQ((co_await Spawn(WithLocals(values, Both()))).value(), "in1");
  EXPECT_EQ((co_await std::move(first)).value(), "in1");
}
TEST(TaskLocalTest, CopiesAreSharedAndHideWhatIsHidden) { RunAlone(RunCopies()); }

Task<bool> SleepLong() { co_return co_await Sleep(1h); }
Task<void> Throws() {
  co_await core::Yield();
  throw std::runtime_error("broken");
}
Task<void> RunEnds() {
  // A cancellation reaches what is inside, also when it came before.
  EXPECT_EQ(co_await WithTimeout(1ms, id.With("a", SleepLong())), std::nullopt);
  auto late = co_await Select(core::Yield(), id.With("a", SleepLong()));
  EXPECT_FALSE(late.Get<1>());
  EXPECT_THROW((void)co_await id.With("a", Throws()), std::runtime_error);
  EXPECT_EQ(co_await id.Find(), nullptr);
}
TEST(TaskLocalTest, CancellationsAndExceptionsPassThrough) { VirtualRuntime().Run(RunEnds()); }

TEST(TaskLocalDeathTest, GetWithoutAValueSaysWhatToDo) {
  EXPECT_DEATH(RunAlone([]() -> Task<void> { (void)co_await id.Get(); }()), "inside of With");
}

// Tasks that are stolen again and again, each with a value of its own.
class TaskLocalStealTest : public BackendTest {};
SLUICE_ON_EVERY_BACKEND(TaskLocalStealTest);

Task<int> Deep(int levels) {
  if (levels > 0) co_return co_await Deep(levels - 1);
  auto [a, b] = co_await Join(Name(30), Name(40));
  EXPECT_EQ(a, b);
  co_return std::stoi(a);
}
Task<void> One(int number, int& sum_of_own) {
  sum_of_own = co_await id.With(std::to_string(number), Deep(3));
}
TEST_P(TaskLocalStealTest, AValueGoesWithItsTask) {
  constexpr int kTasks = 200;
  std::vector<int> found(kTasks);
  Runtime runtime(Options());
  runtime.BlockOn([&]() -> Task<void> {
    TaskGroup group(RuntimeHandle::Current());
    for (int i = 0; i < kTasks; ++i) group.Spawn(One(i, found[static_cast<size_t>(i)]));
    co_await group.Join();
  }());
  for (int i = 0; i < kTasks; ++i) EXPECT_EQ(found[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace sluice::core::testing
