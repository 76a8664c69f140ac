// Ring when the kernel takes nothing: the calls that only submit fail by seccomp, as they do
// when requests cannot be allocated (EAGAIN), completions have to be fetched first (EBUSY), or
// a signal comes (EINTR). Those that also fetch completions go through.
#include "iouring/ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "iouring/probe.h"
#include "tests/core/support/system_call_filter.h"

namespace sluice::iouring {
namespace {

constexpr uint32_t kEntries = 8;
constexpr uint64_t kOps = 1000;

// For the calling thread and for ever: io_uring_enter(2) fails unless it has one of `flags`.
bool RefuseEnterWithout(uint32_t flags, int error) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[3])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return core::testing::FilterSystemCalls(code);
}

void AddNop(Ring& ring, uint64_t number) {
  io_uring_sqe* entry = ring.NextEntry();
  io_uring_prep_nop(entry);
  entry->user_data = number;
}

// The numbers of completed operations, in order.
void Reap(Ring& ring, std::vector<uint64_t>& done) {
  io_uring_cqe* cqe = nullptr;
  while (ring.has_completion() && io_uring_peek_cqe(&ring.raw(), &cqe) == 0) {
    done.push_back(cqe->user_data);
    io_uring_cqe_seen(&ring.raw(), cqe);
  }
}

void QueueFarMoreThanFits(int error) {
  absl::StatusOr<std::unique_ptr<Ring>> made = Ring::Make(kEntries, 64, 8);
  ASSERT_TRUE(made.ok()) << made.status();
  Ring& ring = **made;
  ASSERT_TRUE(RefuseEnterWithout(IORING_ENTER_GETEVENTS, error));
  for (uint64_t i = 0; i < kOps; ++i) AddNop(ring, i);
  std::vector<uint64_t> done;
  for (int turns = 0; done.size() < kOps && turns < 10'000; ++turns) {
    if (turns % 3 == 2) {
      ring.Submit();
    } else {
      ring.Enter(core::Duration(turns % 3 == 0 ? 0 : 1'000'000));
    }
    Reap(ring, done);
  }
  ASSERT_EQ(done.size(), kOps);
  for (uint64_t i = 0; i < kOps; ++i) EXPECT_EQ(done[i], i) << "out of order";
  for (uint64_t i = 0; i < kEntries; ++i) AddNop(ring, i);  // it is as it was
  ring.Enter(std::nullopt);
  Reap(ring, done);
  EXPECT_EQ(done.size(), kOps + kEntries);
}

class RingTest : public ::testing::TestWithParam<int> {};

TEST_P(RingTest, AFullQueueThatIsNotTakenIsNoReasonToEnd) {
  if (!Ring::Make(kEntries, 64, 8).ok() && std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) {
    GTEST_SKIP() << "no io_uring here";
  }
  std::thread(QueueFarMoreThanFits, GetParam()).join();  // the filter stays with its thread
}

// Nothing goes through, not even what fetches completions: the entries wait.
TEST_P(RingTest, NothingIsTakenAtAll) {
  if (!Ring::Make(kEntries, 64, 8).ok() && std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) {
    GTEST_SKIP() << "no io_uring here";
  }
  std::thread([] {
    absl::StatusOr<std::unique_ptr<Ring>> ring = Ring::Make(kEntries, 64, 8);
    ASSERT_TRUE(ring.ok()) << ring.status();
    ASSERT_TRUE(RefuseEnterWithout(0, GetParam()));
    for (uint64_t i = 0; i < kOps; ++i) AddNop(**ring, i);
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE((*ring)->Enter(std::chrono::seconds(1)));  // and no sleep of 1 s
    EXPECT_FALSE((*ring)->has_completion());
  }).join();
}

// What has become readable meanwhile waits for Enter; what completes at once does not.
TEST(RingSubmit, BringsNothing) {
  absl::StatusOr<std::unique_ptr<Ring>> made = Ring::Make(kEntries, 64, 8);
  if (!made.ok() && std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) {
    GTEST_SKIP() << "no io_uring here";
  }
  ASSERT_TRUE(made.ok()) << made.status();
  Ring& ring = **made;
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  io_uring_sqe* entry = ring.NextEntry();
  io_uring_prep_poll_add(entry, ends[0], POLLIN);
  entry->user_data = 1;
  ASSERT_TRUE(ring.Submit());
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  AddNop(ring, 2);
  EXPECT_TRUE(ring.Submit());
  EXPECT_EQ(ring.completions(), 1u);  // the nop's
  EXPECT_FALSE(ring.Submit());        // nothing to submit, no system call
  EXPECT_EQ(ring.completions(), 1u);
  EXPECT_TRUE(ring.Enter(core::Duration(0)));
  EXPECT_EQ(ring.completions(), 2u);
  std::vector<uint64_t> done;
  Reap(ring, done);
  EXPECT_EQ(done, (std::vector<uint64_t>{2, 1}));
  close(ends[0]);
  close(ends[1]);
}

// Else the kernel takes all threads that the user may have.
TEST(RingThreads, AreBounded) {
  absl::StatusOr<std::unique_ptr<Ring>> ring = Ring::Make(kEntries, 64, 8);
  if (!ring.ok() && std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) {
    GTEST_SKIP() << "no io_uring here";
  }
  ASSERT_TRUE(ring.ok()) << ring.status();
  unsigned most[] = {0, 0};  // only asks
  ASSERT_EQ(io_uring_register_iowq_max_workers(&(*ring)->raw(), most), 0);
  EXPECT_GT(most[0], 0u);
  EXPECT_LE(most[0], 512u);
  EXPECT_GT(most[1], 0u);
  EXPECT_LE(most[1], 1024u);
}

INSTANTIATE_TEST_SUITE_P(Errors, RingTest, ::testing::Values(EAGAIN, EBUSY, EINTR));

// A ring that its thread has closed interrupts it once more, some time later: a recv at an urgent
// mark would be told that there is nothing, for ever.
TEST(ProbeTest, ItsCallerIsNotInterruptedLater) {
  std::thread([] {  // one that has no ring of another test
    const absl::StatusOr<Features> features = Probe();
    if (!features.ok() && std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) {
      GTEST_SKIP() << "no io_uring here";
    }
    ASSERT_TRUE(features.ok()) << features.status();
    const int nothing = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event;
    EXPECT_EQ(epoll_wait(nothing, &event, 1, /*milliseconds=*/500), 0) << errno;
    close(nothing);
  })
      .join();
}

}  // namespace
}  // namespace sluice::iouring
