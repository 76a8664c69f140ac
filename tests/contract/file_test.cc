// Reads and writes into the caller's memory, and opens: of files (which are never "not ready") and
// of pipes.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "core/io/read_write.h"
#include "core/task/join.h"
#include "core/time/timeout.h"
#include "tests/contract/contract.h"
#include "tests/contract/files.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

using core::OpenAt;
using core::ReadInto;
using core::WriteFrom;

class FileTest : public ContractTest {};
SLUICE_CONTRACT(FileTest, kAll);

Task<void> FileMain() {
  TemporaryFile file;
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, file.path.c_str(), O_RDWR);
  EXPECT_TRUE(fd.ok());
  EXPECT_EQ(fcntl(*fd, F_GETFD), FD_CLOEXEC);
  const std::string text = BytesAt(0, 100'000);
  EXPECT_EQ(*co_await WriteFrom(*fd, AsBytes(text), 0), text.size());
  EXPECT_EQ(*co_await WriteFrom(*fd, AsBytes("end"), 100'000), 3u);
  std::string back(200'000, '\0');
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(back), 0), 100'003u);
  EXPECT_TRUE(back.substr(0, 100'003) == text + "end");
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(back).first(10), 99'998), 5u);
  EXPECT_EQ(back.substr(0, 5), text.substr(99'998) + "end");
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(back), 100'003), 0u);  // the end
  // At the position, which moves on.
  EXPECT_EQ(lseek(*fd, 0, SEEK_CUR), 0);
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(back).first(7)), 7u);
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(back).first(5)), 5u);
  EXPECT_EQ(back.substr(0, 5), text.substr(7, 5));
  EXPECT_EQ(*co_await WriteFrom(*fd, AsBytes("hello")), 5u);
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(back).first(5), 12), 5u);
  EXPECT_EQ(back.substr(0, 5), "hello");
  CloseHere(*fd);
}
TEST_P(FileTest, ReadsAndWritesAFile) { Run(FileMain()); }

Task<void> OpenMain() {
  TemporaryFile file;
  const std::string made = file.path + "_new";
  EXPECT_EQ((co_await OpenAt(AT_FDCWD, made.c_str(), O_RDONLY)).error(), ENOENT);
  const mode_t mask = umask(022);
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, made.c_str(), O_RDWR | O_CREAT | O_EXCL, 0664);
  umask(mask);
  EXPECT_TRUE(fd.ok());
  struct stat about = {};
  EXPECT_EQ(fstat(*fd, &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0644u);
  EXPECT_EQ((co_await OpenAt(AT_FDCWD, made.c_str(), O_RDWR | O_CREAT | O_EXCL)).error(), EEXIST);
  const std::string parent = made.substr(0, made.rfind('/'));
  core::IoResult<int> directory = co_await OpenAt(AT_FDCWD, parent.c_str(), O_DIRECTORY);
  const std::string name = made.substr(parent.size() + 1);
  core::IoResult<int> again = co_await OpenAt(*directory, name.c_str(), O_RDONLY);
  EXPECT_TRUE(again.ok());
  EXPECT_EQ((co_await WriteFrom(*again, AsBytes("x"), 0)).error(), EBADF);  // not for writing
  std::string bytes(4, '\0');
  EXPECT_EQ((co_await ReadInto(*directory, RoomIn(bytes), 0)).error(), EISDIR);
  for (const int each : {*fd, *directory, *again}) CloseHere(each);
  unlink(made.c_str());
}
TEST_P(FileTest, Opens) { Run(OpenMain()); }

Task<void> DevicesMain() {
  core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, "/dev/zero", O_RDWR);
  std::string bytes(1000, 'x');
  EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(bytes)), 1000u);
  EXPECT_EQ(bytes, std::string(1000, '\0'));
  EXPECT_EQ(*co_await WriteFrom(*fd, AsBytes(bytes)), 1000u);
  CloseHere(*fd);
}
TEST_P(FileTest, ADeviceWithoutReadiness) { Run(DevicesMain()); }

// A number of a pipe that becomes that of a file, and the other way: what was found out of the one
// is not taken for the other.
Task<void> NumbersMain() {
  TemporaryFile file;
  std::string bytes(5, '\0');
  int reused = 0;
  for (int i = 0; i < 20; ++i) {
    Ends ends = MakePipe();
    EXPECT_EQ(write(ends.writer, "bytes", 5), 5);
    EXPECT_EQ(*co_await ReadInto(ends.reader, RoomIn(bytes)), 5u);
    CloseHere(ends.reader);
    co_await Turns(2);
    core::IoResult<int> fd = co_await OpenAt(AT_FDCWD, file.path.c_str(), O_RDWR);
    reused += *fd == ends.reader ? 1 : 0;
    EXPECT_EQ(*co_await WriteFrom(*fd, AsBytes("there"), 0), 5u);
    EXPECT_EQ(*co_await ReadInto(*fd, RoomIn(bytes), 0), 5u);
    EXPECT_EQ(bytes, "there");
    CloseHere(*fd);
    CloseHere(ends.writer);
    co_await Turns(2);
  }
  EXPECT_GT(reused, 0);
}
TEST_P(FileTest, NumbersAreUsedAgain) { Run(NumbersMain()); }

Task<size_t> ReadPart(int fd, std::string& into, size_t offset) {
  const std::span<std::byte> all = RoomIn(into);
  co_return *co_await ReadInto(fd, all.subspan(offset, 1000), static_cast<int64_t>(offset));
}
Task<void> ManyMain() {
  TemporaryFile file;
  const std::string text = BytesAt(0, 40'000);
  EXPECT_EQ(*co_await WriteFrom(file.fd.get(), AsBytes(text), 0), text.size());
  std::string back(text.size(), '\0');
  for (size_t at = 0; at < text.size(); at += 4000) {
    auto [a, b, c, d] = co_await core::Join(
        ReadPart(file.fd.get(), back, at), ReadPart(file.fd.get(), back, at + 1000),
        ReadPart(file.fd.get(), back, at + 2000), ReadPart(file.fd.get(), back, at + 3000));
    EXPECT_EQ(a + b + c + d, 4000u);
  }
  EXPECT_TRUE(back == text);
}
TEST_P(FileTest, SeveralAtOnceOnOneFile) { Run(ManyMain()); }

Task<int> WriteAfter(int fd, int turns, std::string text) {
  co_await Turns(turns);
  co_return static_cast<int>(write(fd, text.data(), text.size()));
}
Task<size_t> ReadSome(int fd, std::string& into) { co_return *co_await ReadInto(fd, RoomIn(into)); }
Task<void> PipeMain() {
  Ends ends = MakePipe();
  std::string bytes(10, '\0');
  for (int i = 0; i < 20; ++i) {
    auto [got, sent] =
        co_await core::Join(ReadSome(ends.reader, bytes), WriteAfter(ends.writer, i % 4, "there"));
    EXPECT_EQ(got, 5u);
    EXPECT_EQ(sent, 5);
    EXPECT_EQ(bytes.substr(0, 5), "there");
  }
  EXPECT_EQ(*co_await WriteFrom(ends.writer, AsBytes("more than fits")), 14u);
  EXPECT_EQ(*co_await ReadInto(ends.reader, RoomIn(bytes)), 10u);
  EXPECT_EQ(*co_await ReadInto(ends.reader, RoomIn(bytes)), 4u);
  CloseHere(ends.writer);
  EXPECT_EQ(*co_await ReadInto(ends.reader, RoomIn(bytes)), 0u);
  CloseHere(ends.reader);
}
TEST_P(FileTest, APipeIsWaitedFor) { Run(PipeMain()); }

Task<int> WriteMuch(int fd, std::string text) {
  size_t done = 0;
  while (done < text.size()) {
    core::IoResult<size_t> sent = co_await WriteFrom(fd, AsBytes(text).subspan(done));
    EXPECT_TRUE(sent.ok()) << sent.error();
    if (!sent.ok()) break;
    done += *sent;
  }
  CloseHere(fd);
  co_return 0;
}
Task<std::string> ReadMuch(int fd) {
  std::string all;
  std::string part(3'001, '\0');
  while (true) {
    core::IoResult<size_t> got = co_await ReadInto(fd, RoomIn(part));
    EXPECT_TRUE(got.ok());
    if (!got.ok() || *got == 0) co_return all;
    all.append(part, 0, *got);
  }
}
Task<void> FullMain() {
  const std::string text = BytesAt(7, 300'000);
  Ends ends = MakePipe();
  auto [zero, all] = co_await core::Join(WriteMuch(ends.writer, text), ReadMuch(ends.reader));
  (void)zero;
  EXPECT_TRUE(all == text);
  CloseHere(ends.reader);
  Pair pair = ConnectTcp();  // sockets, too
  EXPECT_EQ(*co_await WriteFrom(pair.ours, AsBytes("hello")), 5u);
  EXPECT_EQ(co_await PeerReceives(pair.peer.get(), 5), "hello");
  std::string bytes(10, '\0');
  auto [got, sent] =
      co_await core::Join(ReadSome(pair.ours, bytes), WriteAfter(pair.peer.get(), 3, "answer"));
  EXPECT_EQ(sent, 6);
  EXPECT_EQ(bytes.substr(0, got), "answer");
  CloseHere(pair.ours);
}
TEST_P(FileTest, AFullPipeIsWaitedForAndSoAreSockets) { Run(FullMain()); }

// An open is made by a thread. That there is none is not told as a cancel. In a process of its own:
// as a user that has as many threads as he may.
Task<void> NoThreadMain() {
  constexpr uid_t kSomebody = 54'321;
  constexpr rlimit kNone = {.rlim_cur = 0, .rlim_max = 0};
  if (getuid() == 0) EXPECT_EQ(setresuid(kSomebody, kSomebody, kSomebody), 0);
  EXPECT_EQ(setrlimit(RLIMIT_NPROC, &kNone), 0);
  core::IoResult<int> opened =
      co_await core::WithTimeout(10s, OpenAt(AT_FDCWD, "/dev/null", O_RDONLY));
  EXPECT_FALSE(opened.ok());
  // Before Linux 6.10 the kernel does not give up by itself.
  EXPECT_TRUE(opened.error() == EAGAIN || opened.error() == ETIMEDOUT) << opened.error();
}
TEST_P(FileTest, AnOpenWithoutAThread) {
  EXPECT_EXIT(
      {
        Run(NoThreadMain());
        _exit(HasFailure() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::contract
