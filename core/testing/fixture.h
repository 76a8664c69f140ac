// OneWorkerTest, SeveralWorkersTest: fixtures for GoogleTest of code that runs in tasks;
// ForEachSeed: a test in many orders.
//
//     class ChatTest : public OneWorkerTest {};
//     TEST_F(ChatTest, ARoomTellsAll) {
//       Run([]() -> Task<void> { EXPECT_EQ(co_await Join("#general"), 1); });
//     }                                   // fails if a task, a timer or a frame is left
//
//     TEST(ChatTest, NothingIsLostInAnyOrder) {
//       ForEachSeed(2000, [](uint64_t seed) { RunShuffled(seed, Conversation()); });
//     }
//
// ForEachSeed stops at the first seed that fails, also when the process ends by it, and prints
// `SLUICE_SEED=N`: with that in the environment the test runs this one seed.
//
// Threads: those of the test. Checked by: tests/core/testing/fixture_test.cc.
#ifndef SLUICE_CORE_TESTING_FIXTURE_H_
#define SLUICE_CORE_TESTING_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "core/testing/testbed.h"

namespace sluice::core::testing {

// Its time is paused. Handles that a derived fixture holds go before the test ends.
template <uint32_t kWorkers>
class TaskTest : public ::testing::Test {
 public:
  explicit TaskTest(TestbedOptions options = {}) : bed_(WithWorkers(options)) {}

 protected:
  // A Task<void>, or a callable that makes one. A failure names what is wrong.
  template <typename T>
  void Run(T&& task) {
    if (const std::string wrong = bed_.Run(std::forward<T>(task)); !wrong.empty()) {
      ADD_FAILURE() << wrong;
    }
  }
  PausedClock& clock() { return bed_.clock(); }
  Testbed& bed() { return bed_; }

  void TearDown() override {
    if (const std::string left = bed_.Finish(); !left.empty()) ADD_FAILURE() << left;
  }

 private:
  static TestbedOptions WithWorkers(TestbedOptions options) {
    options.workers = kWorkers;
    return options;
  }

  Testbed bed_;
};
using OneWorkerTest = TaskTest<1>;
using SeveralWorkersTest = TaskTest<3>;

// Runs a task in an order by chance on one worker: what is wrong, and what is left, fails the test.
template <typename T>
void RunShuffled(uint64_t seed, T&& task, TestbedOptions options = {}) {
  options.shuffle_seed = seed;
  Testbed bed(options);
  const std::string wrong = bed.Run(std::forward<T>(task));
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(bed.Finish(), "");
}

// Calls `body` with the seeds 1 to `count`, or with SLUICE_SEED only.
void ForEachSeed(uint64_t count, absl::FunctionRef<void(uint64_t seed)> body);

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_FIXTURE_H_
