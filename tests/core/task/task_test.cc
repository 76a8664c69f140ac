// Task: results, laziness, order of destruction, and stacks that do not grow. Built a second time
// without optimisation.

#include "core/task/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/gate.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

using Notes = std::vector<std::string>;

struct NoteAtEnd {
  NoteAtEnd(Notes& notes, std::string what) : notes(&notes), what(std::move(what)) {}
  NoteAtEnd(NoteAtEnd&& other) noexcept : notes(std::exchange(other.notes, nullptr)) {
    what = std::move(other.what);
  }
  NoteAtEnd& operator=(NoteAtEnd&&) = delete;
  ~NoteAtEnd() {
    if (notes != nullptr) notes->push_back(what);
  }
  Notes* notes;
  std::string what;
};

Task<int> Add(int a, int b) { co_return a + b; }
Task<int> AddLater(int a, int b) {
  co_await Yield();
  co_return a + b;
}
Task<std::unique_ptr<int>> Boxed(int value) { co_return std::make_unique<int>(value); }
Task<void> Append(Notes& notes, std::string note) {
  notes.push_back(std::move(note));
  co_return;
}

Task<void> ResultsMain() {
  EXPECT_EQ(co_await Add(1, 2), 3);
  EXPECT_EQ(co_await AddLater(3, 4), 7);
  EXPECT_EQ(*co_await Boxed(9), 9);
  EXPECT_EQ(co_await Add(co_await AddLater(1, 1), co_await Add(2, 2)), 6);
}
TEST(TaskTest, Results) { TestRuntime(1).Run(ResultsMain()); }

Task<void> LazyMain() {
  Notes notes;
  Task<void> task = Append(notes, "ran");
  EXPECT_TRUE(notes.empty());
  co_await std::move(task);
  EXPECT_EQ(notes, Notes{"ran"});
  {
    Task<void> dropped = Append(notes, "never");
  }
  Task<void> replaced = Append(notes, "never");
  replaced = Append(notes, "ran, too");
  co_await std::move(replaced);
  EXPECT_EQ(notes, (Notes{"ran", "ran, too"}));
}
TEST(TaskTest, StartsWhenAwaited) { TestRuntime(1).Run(LazyMain()); }

Task<int> WithLocals(Notes& notes, [[maybe_unused]] NoteAtEnd parameter) {
  NoteAtEnd first(notes, "first local");
  NoteAtEnd second(notes, "second local");
  co_await Yield();
  notes.push_back("body");
  co_return 1;
}
Task<void> DestructionMain() {
  Notes notes;
  const int result = co_await WithLocals(notes, NoteAtEnd(notes, "parameter"));
  notes.push_back("resumed");
  EXPECT_EQ(result, 1);
  EXPECT_EQ(notes, (Notes{"body", "second local", "first local", "parameter", "resumed"}));
}
TEST(TaskTest, ACoroutineIsGoneWhenItsAwaiterGoesOn) { TestRuntime(1).Run(DestructionMain()); }

Task<void> ContextMain(RuntimeHandle runtime) {
  const Context outer = co_await CurrentContext();
  EXPECT_EQ(&outer.task->scheduler(), &runtime.shared());
  struct Inner {
    static Task<Context> Get() { co_return co_await CurrentContext(); }
  };
  const Context inner = co_await Inner::Get();
  EXPECT_EQ(inner.task, outer.task);
  EXPECT_EQ(inner.scope, outer.scope);
}
TEST(TaskTest, ContextIsHandedDown) {
  TestRuntime runtime(1);
  runtime.Run(ContextMain(runtime.handle()));
}

// Where the stack is, coarsely.
[[gnu::noinline]] uintptr_t StackPlace() {
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

class StackRange {
 public:
  void Note() {
    const uintptr_t here = StackPlace();
    low_ = std::min(low_, here);
    high_ = std::max(high_, here);
  }
  uintptr_t size() const { return high_ - low_; }

 private:
  uintptr_t low_ = ~uintptr_t{0};
  uintptr_t high_ = 0;
};

constexpr int kMany = 1'000'000;
constexpr uintptr_t kFewFrames = 64 * 1024;  // bytes; a million of the smallest would be 16 MB

// g++ makes no tail calls for symmetric transfer unless it optimises.
bool TailCallsAreSure() {
#if defined(__clang__) || defined(__OPTIMIZE__)
  return true;
#else
  return false;
#endif
}

Task<int> Child(StackRange& stack, int value) {
  stack.Note();
  co_return value;
}
Task<void> ChildrenMain(StackRange& stack) {
  int64_t sum = 0;
  for (int i = 0; i < kMany; ++i) {
    sum += co_await Child(stack, 1);
    stack.Note();
  }
  EXPECT_EQ(sum, kMany);
}
TEST(TaskTest, AMillionChildrenUseNoStack) {
  if (!TailCallsAreSure()) GTEST_SKIP() << "not optimised g++";
  StackRange stack;
  TestRuntime(1).Run(ChildrenMain(stack));
  EXPECT_LT(stack.size(), kFewFrames);
}

Task<void> OpenGatesMain(StackRange& stack) {
  Gate gate;
  gate.Open();
  for (int i = 0; i < kMany; ++i) {
    co_await gate;
    stack.Note();
  }
}
TEST(TaskTest, AMillionThingsThatAreReadyUseNoStack) {
  StackRange stack;
  TestRuntime(1).Run(OpenGatesMain(stack));
  EXPECT_LT(stack.size(), kFewFrames);
}

Task<void> JoinsMain(StackRange& stack) {
  for (int i = 0; i < kMany / 10; ++i) {
    auto [one, two] = co_await Join(Child(stack, 1), Child(stack, 2));
    EXPECT_EQ(one + two, 3);
    const auto first = co_await Select(Child(stack, 3), Child(stack, 4));
    EXPECT_TRUE(first.Won<0>());
    stack.Note();
  }
}
TEST(TaskTest, JoinsAndSelectsUseNoStack) {
  if (!TailCallsAreSure()) GTEST_SKIP() << "not optimised g++";
  StackRange stack;
  TestRuntime(1).Run(JoinsMain(stack));
  EXPECT_LT(stack.size(), kFewFrames);
}

// A chain of coroutines awaiting each other; the innermost suspends.
Task<int> Chain(StackRange& stack, int depth) {
  stack.Note();
  if (depth == 0) {
    co_await Yield();
    co_return 0;
  }
  const int below = co_await Chain(stack, depth - 1);
  stack.Note();
  co_return below + 1;
}
Task<void> ChainMain(StackRange& stack) { EXPECT_EQ(co_await Chain(stack, 100'000), 100'000); }
TEST(TaskTest, ADeepChainUsesNoStack) {
  if (!TailCallsAreSure()) GTEST_SKIP() << "not optimised g++";
  StackRange stack;
  TestRuntime(1).Run(ChainMain(stack));
  EXPECT_LT(stack.size(), kFewFrames);
}

Task<void> YieldsMain(StackRange& stack) {
  for (int i = 0; i < kMany / 10; ++i) {
    co_await Yield();
    stack.Note();
  }
}
TEST(TaskTest, YieldsUseNoStack) {
  StackRange stack;
  TestRuntime(1).Run(YieldsMain(stack));
  EXPECT_LT(stack.size(), kFewFrames);
}

}  // namespace
}  // namespace sluice::core::testing
