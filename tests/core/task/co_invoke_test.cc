// CoInvoke: what a lambda has captured, and what its parameters refer to, lives as long as its
// coroutine.
#include "core/task/co_invoke.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/task/join.h"
#include "core/task/yield.h"
#include "tests/core/support/counted.h"
#include "tests/core/support/run.h"

namespace sluice::core::testing {
namespace {

// The lambda is gone at the end of this function, its coroutine has not begun.
Task<int> Make(ValueCounts& counts, int number) {
  return CoInvoke(
      [value = MoveOnly(counts, number)](const std::string& text) -> Task<int> {
        co_await core::Yield();
        co_return value.number() + static_cast<int>(text.size());
      },
      std::string("a text that is longer than what a string holds itself"));
}

Task<void> Main(ValueCounts& counts) {
  {
    Task<int> task = Make(counts, 40);
    EXPECT_EQ(counts.alive, 1);  // lazy: nothing has run, all is kept
    auto [a, b] = co_await Join(std::move(task), Make(counts, 50));
    EXPECT_EQ(a, 93);
    EXPECT_EQ(b, 103);
  }
  EXPECT_EQ(counts.alive, 0);
  {
    const Task<int> never_awaited = Make(counts, 1);
  }
  EXPECT_EQ(counts.alive, 0);
}
TEST(CoInvokeTest, KeepsTheCallableAndItsArguments) {
  ValueCounts counts;
  TestRuntime runtime(1);
  runtime.Run(Main(counts));
}

struct Counter {
  Task<int> Add(int more) {
    co_await core::Yield();
    co_return count += more;
  }
  int count = 1;
};
Task<void> Members() {
  Counter counter;
  EXPECT_EQ(co_await CoInvoke(&Counter::Add, &counter, 2), 3);
  const std::unique_ptr<int> only(new int(5));
  EXPECT_EQ(co_await CoInvoke([](std::unique_ptr<int>& got) -> Task<int> { co_return *got; },
                              std::make_unique<int>(7)),
            7);
}
TEST(CoInvokeTest, TakesMembersAndWhatIsOnlyMoved) {
  TestRuntime runtime(1);
  runtime.Run(Members());
}

}  // namespace
}  // namespace sluice::core::testing
