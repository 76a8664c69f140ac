// Which backend a runtime gets, and what it says when that is not the one it would have liked.
#include "core/runtime/backend.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "core/task/task.h"

namespace sluice::core {
namespace {

Task<int> Seven() { co_return 7; }

RuntimeOptions Small(Backend backend, uint32_t workers = 1) {
  return {.workers = workers, .worker = {.buffers = 4, .buffer_size = 4096}, .backend = backend};
}

// Makes `good` real reactors, and then no other.
ChosenBackend Failing(absl::Status status, int good) {
  ChosenBackend backend;
  backend.name = "io_uring";
  const ReactorFactory real = ChooseBackend(Backend::kEpoll)->make_reactor;
  backend.make_reactor = [status = std::move(status), real,
                          left = std::make_shared<std::atomic<int>>(good)](
                             BufferPool& pool) -> absl::StatusOr<std::unique_ptr<Reactor>> {
    if (left->fetch_sub(1) > 0) return real(pool);
    return status;
  };
  return backend;
}

TEST(BackendTest, EpollIsAlwaysThere) {
  absl::StatusOr<ChosenBackend> backend = ChooseBackend(Backend::kEpoll);
  ASSERT_TRUE(backend.ok());
  EXPECT_EQ(backend->name, "epoll");
  EXPECT_EQ(backend->warning, "");
}

// Whether or not this kernel lets us use io_uring, the two answers fit together.
TEST(BackendTest, AutoIsIoUringOrSaysWhyNot) {
  const absl::StatusOr<ChosenBackend> wanted = ChooseBackend(Backend::kIoUring);
  const absl::StatusOr<ChosenBackend> any = ChooseBackend(Backend::kAuto);
  ASSERT_TRUE(any.ok());
  if (wanted.ok()) {
    EXPECT_EQ(wanted->name, "io_uring");
    EXPECT_EQ(any->name, "io_uring");
    EXPECT_EQ(any->warning, "");
  } else {
    EXPECT_TRUE(absl::IsUnavailable(wanted.status()));
    EXPECT_EQ(any->name, "epoll");
    EXPECT_EQ(any->warning, std::string(wanted.status().message()) + "; using epoll");
  }
}

TEST(BackendTest, OnlyAutoFallsBackAndOnlyToTheOther) {
  const absl::Status no_ring = absl::UnavailableError("no ring");
  ChosenBackend io_uring;
  io_uring.name = "io_uring";
  const std::optional<ChosenBackend> other = FallBack(Backend::kAuto, io_uring, no_ring);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->name, "epoll");
  EXPECT_EQ(other->warning, "no ring; using epoll");
  EXPECT_FALSE(FallBack(Backend::kIoUring, io_uring, no_ring).has_value());
  EXPECT_FALSE(FallBack(Backend::kAuto, *other, no_ring).has_value());
  EXPECT_FALSE(
      FallBack(Backend::kAuto, io_uring, absl::ResourceExhaustedError("memory")).has_value());
}

TEST(BackendTest, ARuntimeFallsBackWithOneWarning) {
  const MonotonicClock clock;
  for (const int good : {0, 1, 2}) {
    std::vector<std::string> warnings;
    RuntimeOptions options = Small(Backend::kAuto, 3);
    options.warn = [&warnings](const std::string& warning) { warnings.push_back(warning); };
    Runtime runtime(options, clock, Failing(absl::UnavailableError("no ring"), good));
    ASSERT_TRUE(runtime.Start().ok());
    EXPECT_EQ(runtime.backend().name, "epoll");
    EXPECT_EQ(warnings, std::vector<std::string>{"no ring; using epoll"});
    EXPECT_EQ(runtime.BlockOn(Seven()), 7);
  }
}

TEST(BackendTest, TheWarningGoesToStderrUnlessItIsAskedFor) {
  const MonotonicClock clock;
  ::testing::internal::CaptureStderr();
  Runtime runtime(Small(Backend::kAuto), clock, Failing(absl::UnavailableError("no ring"), 0));
  ASSERT_TRUE(runtime.Start().ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "sluice: no ring; using epoll\n");
}

TEST(BackendTest, ARuntimeThatWantsOneBackendHasAnError) {
  const MonotonicClock clock;
  Runtime runtime(Small(Backend::kIoUring), clock, Failing(absl::UnavailableError("no ring"), 0));
  EXPECT_EQ(runtime.Start().message(), "no ring");
  Runtime other(Small(Backend::kAuto), clock, Failing(absl::ResourceExhaustedError("memory"), 0));
  EXPECT_EQ(other.Start().message(), "memory");
}

TEST(BackendTest, ReactorsOfAnotherKindHaveNoSubstitute) {
  const MonotonicClock clock;
  Runtime runtime(Small(Backend::kAuto), clock,
                  Failing(absl::UnavailableError("no ring"), 0).make_reactor);
  EXPECT_EQ(runtime.Start().message(), "no ring");
}

TEST(BackendTest, BlockOnThrowsWhatStartWouldHaveSaid) {
  const MonotonicClock clock;
  Runtime runtime(Small(Backend::kIoUring), clock, Failing(absl::UnavailableError("no ring"), 0));
  try {
    runtime.BlockOn(Seven());
    ADD_FAILURE() << "it has run";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no ring");
  }
}

}  // namespace
}  // namespace sluice::core
