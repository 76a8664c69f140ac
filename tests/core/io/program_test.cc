// What core/README.md tells a stranger: whole programs, with one include.
#include <gtest/gtest.h>

#include <cerrno>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/sluice.h"

namespace {

namespace core = sluice::core;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

core::Task<int> Main() {
  co_await core::Sleep(5ms);
  co_return 0;
}
TEST(ProgramTest, AMainInOneLine) { EXPECT_EQ(core::RunMain(Main()), 0); }

core::Task<int> Compute(int number) {
  co_await core::Yield();
  co_return number* number;
}
TEST(ProgramTest, ARuntimeThatIsBlockedOn) {
  core::Runtime runtime({.workers = 2});
  EXPECT_EQ(runtime.BlockOn(Compute(3)), 9);
  EXPECT_EQ(runtime.BlockOn(Compute(4)), 16);
}

TEST(ProgramTest, ARuntimeBesideTheProgram) {
  core::Runtime runtime({.workers = 2});
  absl::Status status = runtime.StartInBackground();
  ASSERT_TRUE(status.ok()) << status;
  core::JoinHandle<int> handle = runtime.handle().Spawn(Compute(5));
  EXPECT_EQ(runtime.BlockOn(std::move(handle)).value(), 25);
  EXPECT_TRUE(runtime.Shutdown(10s));
}

// Fan-in: many tasks send, one receives.
core::Task<void> Produce(int from, core::Mpsc<int>::Sender numbers) {
  for (int i = from; i < from + 10; ++i) EXPECT_TRUE((co_await numbers.Send(i)).ok());
}
core::Task<int> FanIn() {
  auto [sender, receiver] = core::Mpsc<int>::Make(4);
  for (int from : {0, 10, 20}) core::Spawn(Produce(from, sender)).Detach();
  sender = {};  // the receiver ends when the last sender has gone
  int sum = 0;
  while (true) {
    core::IoResult<int> number = co_await receiver.Next();
    if (!number.ok()) co_return sum;
    sum += *number;
  }
}
TEST(ProgramTest, FanIn) { EXPECT_EQ(core::Runtime({.workers = 2}).BlockOn(FanIn()), 435); }

// A pool: four tasks work off one queue.
core::Task<int> WorkOff(core::Mpmc<int>::Receiver jobs) {
  int sum = 0;
  while (true) {
    core::IoResult<int> job = co_await jobs.Next();
    if (!job.ok()) co_return sum;
    sum += co_await Compute(*job);
  }
}
core::Task<int> Pool() {
  auto [sender, receiver] = core::Mpmc<int>::Make(100);
  std::vector<core::JoinHandle<int>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(core::Spawn(WorkOff(receiver)));
  for (int i = 1; i <= 20; ++i) EXPECT_TRUE((co_await sender.Send(i)).ok());
  sender = {};
  int sum = 0;
  for (core::JoinHandle<int>& worker : workers) sum += (co_await std::move(worker)).value();
  co_return sum;
}
TEST(ProgramTest, WorkerPool) { EXPECT_EQ(core::Runtime({.workers = 2}).BlockOn(Pool()), 2870); }

// An answer that may not come, asked for again.
core::Task<core::IoResult<int>> Ask(int& calls) {
  if (++calls < 3 && !co_await core::Sleep(1h)) co_return core::IoError(ECANCELED);
  co_return 42;
}
core::Task<int> Patient() {
  int calls = 0;
  core::IoResult<int> answer = co_await core::Retry(
      {.first = 1ms, .limit = core::RetryLimit::Attempts(5)},
      [&] { return core::WithTimeout(5ms, Ask(calls)); },
      [](auto& result) { return !result.ok(); });
  EXPECT_EQ(calls, 3);
  co_return answer.ok() ? *answer : -1;
}
TEST(ProgramTest, TimeoutWithRetry) { EXPECT_EQ(core::Runtime().BlockOn(Patient()), 42); }

// A stop that all tasks hear of, and are waited for.
core::Task<int> UntilStop(core::Broadcast<int>::Receiver stop) {
  auto why = co_await stop.Next();
  co_return why.ok() ? std::get<int>(*why) : -1;
}
core::Task<int> GracefulStop() {
  auto [stop, first] = core::Broadcast<int>::Make(1);
  core::JoinSet<int> tasks;
  for (int i = 0; i < 3; ++i) tasks.Spawn(UntilStop(stop.Subscribe()));
  stop.Send(7);
  int sum = 0;
  while (auto ended = co_await tasks.Next()) sum += ended->value();
  co_return sum;
}
TEST(ProgramTest, GracefulStop) {
  EXPECT_EQ(core::Runtime({.workers = 2}).BlockOn(GracefulStop()), 21);
}

}  // namespace
