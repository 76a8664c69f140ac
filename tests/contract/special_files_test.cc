// Opens, reads and writes of what is no file on a disk: named pipes, whose opening waits for the
// other end, terminals, and descriptors that are none.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/io/poll.h"
#include "core/io/read_write.h"
#include "core/io/send.h"
#include "core/reactor/op.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/spawn.h"
#include "core/task/join.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"
#include "tests/contract/files.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/contract/threads.h"

namespace sluice::contract {
namespace {

using core::FileOp;
using core::OpenAt;
using core::OpKind;
using core::ReadInto;
using core::WriteFrom;

class SpecialFilesTest : public ContractTest {
 public:
  core::Worker& other() { return *worker(workers() - 1); }
  bool epoll() const { return GetParam().backend == Backend::kEpoll; }
};
SLUICE_CONTRACT(SpecialFilesTest, kAll);

// Removed when it goes.
struct Fifo {
  Fifo() {
    std::string name = ::testing::TempDir() + "/fifo_test_XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    directory = name;
    path = directory + "/fifo";
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  ~Fifo() {
    unlink(path.c_str());
    rmdir(directory.c_str());
  }
  std::string directory;
  std::string path;
};

Task<std::string> ReadFifo(const std::string& path, int turns) {
  co_await Turns(turns);
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, path.c_str(), O_RDONLY);
  EXPECT_TRUE(fd.ok()) << fd.error();
  std::string bytes(10, '\0');
  core::IoResult<size_t> got = co_await ReadInto(*fd, RoomIn(bytes));
  EXPECT_TRUE(got.ok()) << got.error();
  CloseHere(*fd);
  co_return bytes.substr(0, *got);
}
Task<int> WriteFifo(const std::string& path, int turns) {
  co_await Turns(turns);
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, path.c_str(), O_WRONLY);
  EXPECT_TRUE(fd.ok()) << fd.error();
  if (!fd.ok()) co_return fd.error();
  co_await Turns(3);
  EXPECT_EQ(*co_await WriteFrom(*fd, AsBytes("there")), 5u);
  CloseHere(*fd);
  co_return 0;
}
Task<void> OtherEndMain() {
  for (const auto [reader, writer] : {std::pair(0, 6), std::pair(6, 0), std::pair(0, 0)}) {
    Fifo fifo;
    auto [text, error] =
        co_await core::Join(ReadFifo(fifo.path, reader), WriteFifo(fifo.path, writer));
    EXPECT_EQ(text, error == 0 ? "there" : "") << reader << " " << writer;
  }
}
TEST_P(SpecialFilesTest, AnOpenOfANamedPipeWaitsForTheOtherEnd) { Run(OtherEndMain()); }

// More than the kernel starts threads for by itself: what they wait for needs one more.
Task<void> ManyMain() {
  constexpr int kReaders = 40;
  Fifo fifo;
  std::vector<core::JoinHandle<int>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(core::Spawn([](const std::string& path) -> Task<int> {
      core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, path.c_str(), O_RDONLY);
      EXPECT_TRUE(fd.ok()) << fd.error();
      CloseHere(*fd);
      co_return 1;
    }(fifo.path)));
  }
  co_await Turns(5);
  core::IoResult<int> writer = co_await OpenAt(AT_FDCWD, fifo.path.c_str(), O_WRONLY);
  EXPECT_TRUE(writer.ok()) << writer.error();
  int opened = 0;
  for (auto& reader : readers) opened += (co_await std::move(reader)).value();
  EXPECT_EQ(opened, kReaders);
  CloseHere(*writer);
}
TEST_P(SpecialFilesTest, ManyOpensThatWaitKeepNoOtherFromBeginning) { Run(ManyMain()); }

// On epoll one that a thread has begun goes on until the other end is there.
Task<void> CancelOpenMain(SpecialFilesTest& test) {
  for (int i = 0; i < 30; ++i) {
    Fifo fifo;
    FileOp op(OpKind::kOpen, AT_FDCWD);
    op.data = fifo.path.c_str();
    op.flags = i % 2 == 0 ? O_RDONLY : O_WRONLY;
    const core::Context context = co_await core::CurrentContext();
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    co_await Turns(i % 6);
    if (i % 3 == 0) co_await MoveTo(test.other());
    op.Cancel();
    int release = -1;
    if (test.epoll()) release = open(fifo.path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    co_await Until([&op] { return !op.in_flight; });
    if (release >= 0) close(release);
    if (test.epoll() && op.result >= 0) {
      CloseHere(op.result);
    } else {
      EXPECT_EQ(op.result, -ECANCELED) << "round " << i;
    }
  }
}
TEST_P(SpecialFilesTest, AnOpenThatWaitsIsCancelled) { Run(CancelOpenMain(*this)); }

// The name of the terminal whose other end is `master`.
std::string TerminalOf(const Fd& master) {
  EXPECT_EQ(grantpt(master.get()) + unlockpt(master.get()), 0);
  std::array<char, 100> name{};
  EXPECT_EQ(ptsname_r(master.get(), name.data(), name.size()), 0);
  return name.data();
}

// A terminal tells of readiness, but it has no reads that do not wait.
Task<void> TerminalMain(SpecialFilesTest& test) {
  Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const std::string name = TerminalOf(master);
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, name.c_str(), O_RDWR | O_NOCTTY);
  EXPECT_TRUE(fd.ok());
  const core::Context context = co_await core::CurrentContext();
  for (int i = 0; i < 40; ++i) {
    std::string bytes(10, '!');
    FileOp op(OpKind::kRead, *fd);
    op.data = bytes.data();
    op.size = 10;
    EXPECT_FALSE(core::SubmitHere(op, *context.task));
    co_await Turns(i % 6);
    if (i % 3 == 0) co_await MoveTo(test.other());
    op.Cancel();
    co_await Until([&op] { return !op.in_flight; });
    EXPECT_EQ(op.result, -ECANCELED) << "round " << i;
    EXPECT_EQ(bytes, "!!!!!!!!!!");
    EXPECT_EQ(write(master.get(), "alive\n", 6), 6);
    EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(bytes)), 6u);
  }
  CloseHere(*fd);
}
TEST_P(SpecialFilesTest, AReadOfATerminalIsCancelled) { Run(TerminalMain(*this)); }

// A write that fills it says how much it took, and a later one waits: the worker does not, nor a
// thread of the kernel's.
Task<void> FullTerminalMain(SpecialFilesTest& test) {
  Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  const std::string name = TerminalOf(master);
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, name.c_str(), O_RDWR | O_NOCTTY);
  EXPECT_TRUE(fd.ok());
  const std::string text(65536, 'x');
  const core::Context context = co_await core::CurrentContext();
  FileOp op(OpKind::kWrite, *fd);
  op.data = text.data();
  op.size = static_cast<uint32_t>(text.size());
  const size_t threads = ThreadCount();
  int cancelled = 0;
  for (int i = 0; i < 60; ++i) {
    const bool reads = i % 4 == 3;  // the other three fill it, at the latest
    if (!core::SubmitHere(op, *context.task)) {
      co_await core::Sleep(1ms);  // passes, whatever becomes of the write
      co_await Turns(i % 6 + 10);
      EXPECT_LE(ThreadCount(), threads);
      if (i % 3 == 0) co_await MoveTo(test.other());
      if (!reads) op.Cancel();
      co_await Until([&] {
        std::array<char, 4096> bytes{};
        if (reads) (void)!read(master.get(), bytes.data(), bytes.size());
        return !op.in_flight;
      });
    }
    EXPECT_TRUE(op.result > 0 || (op.result == -ECANCELED && !reads)) << op.result;
    EXPECT_LT(op.result, 65536);
    cancelled += op.result == -ECANCELED ? 1 : 0;
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(cancelled, 0);
  CloseHere(*fd);
}
TEST_P(SpecialFilesTest, AWriteToAFullTerminalWaits) { Run(FullTerminalMain(*this)); }

Task<void> NoneMain() {
  std::string bytes(10, '\0');
  EXPECT_EQ((co_await ReadInto(-1, RoomIn(bytes))).error(), EBADF);
  EXPECT_EQ((co_await WriteFrom(-1, AsBytes(bytes))).error(), EBADF);
  EXPECT_EQ((co_await core::Poll(-1, POLLIN)).error(), EBADF);
  EXPECT_EQ((co_await core::Send(-1, AsBytes(bytes))).error(), EBADF);
  msghdr message = {};
  EXPECT_EQ((co_await core::ReceiveMessage(-1, message)).error(), EBADF);
  EXPECT_EQ((co_await core::SendMessage(-1, message)).error(), EBADF);
  CloseHere(-1);
  co_await Turns(2);
}
TEST_P(SpecialFilesTest, ADescriptorThatIsNoneIsAnError) { Run(NoneMain()); }

}  // namespace
}  // namespace sluice::contract
