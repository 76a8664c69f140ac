// Stdin and Stdout over whatever they may be: a terminal, a pipe, a socket, a file, /dev/null. The
// flags of what is shared with others stay as they are.
#include "core/io/stdio.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/bytes/buf_reader.h"
#include "core/bytes/whole.h"
#include "core/runtime/runtime.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class StdioTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
};
SLUICE_ON_EVERY_BACKEND(StdioTest);

// Two connected descriptors, by plain system calls: `theirs` is what a program would begin with.
struct Ends {
  Ends() = default;
  Ends(Ends&& other) noexcept
      : ours(std::exchange(other.ours, -1)), theirs(std::exchange(other.theirs, -1)) {}
  Ends& operator=(Ends&&) = delete;
  ~Ends() {
    if (ours >= 0) close(ours);
    if (theirs >= 0) close(theirs);
  }
  int ours = -1;
  int theirs = -1;
};

Ends Terminal() {
  Ends ends;
  ends.ours = posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_GE(ends.ours, 0);
  EXPECT_EQ(grantpt(ends.ours) + unlockpt(ends.ours), 0);
  std::array<char, 100> name{};
  EXPECT_EQ(ptsname_r(ends.ours, name.data(), name.size()), 0);
  ends.theirs = open(name.data(), O_RDWR | O_NOCTTY);
  EXPECT_GE(ends.theirs, 0);
  return ends;
}
Ends OtherEndOfTerminal() {
  Ends ends = Terminal();
  std::swap(ends.ours, ends.theirs);
  return ends;
}
Ends SocketEnds() {
  Ends ends;
  std::array<int, 2> both{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, both.data()), 0);
  ends.ours = both[0];
  ends.theirs = both[1];
  return ends;
}
Ends PipeEnds(bool to_them) {
  Ends ends;
  std::array<int, 2> both{};
  EXPECT_EQ(pipe(both.data()), 0);
  ends.ours = both[to_them ? 1 : 0];
  ends.theirs = both[to_them ? 0 : 1];
  return ends;
}
int EmptyFile() {
  std::string name = ::testing::TempDir() + "/stdio_XXXXXX";
  const int fd = mkstemp(name.data());
  EXPECT_GE(fd, 0);
  unlink(name.c_str());
  return fd;
}

void Put(int fd, std::string_view text) {
  EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}
Task<void> PutLater(int fd, std::string_view text) {
  for (int i = 0; i < 4; ++i) co_await Yield();
  Put(fd, text);
}

// A line that is there, one that comes while a read waits, and a read that is cut short between.
Task<void> LinesMain(Ends ends) {
  const int flags = fcntl(ends.theirs, F_GETFL);
  {
    Stdin in(ends.theirs);
    BufReader reader(in);
    Put(ends.ours, "first\n");
    EXPECT_EQ(**co_await reader.Line(100), "first");
    auto cut = co_await Select(reader.Line(100), Yield());
    EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
    auto [line, zero] = co_await Join(reader.Line(100), PutLater(ends.ours, "second\n"));
    (void)zero;
    EXPECT_EQ(**line, "second");
    EXPECT_EQ(fcntl(ends.theirs, F_GETFL), flags);
  }
  EXPECT_EQ(fcntl(ends.theirs, F_GETFL), flags);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
}
TEST_P(StdioTest, LinesFromATerminal) { Run(LinesMain(Terminal())); }
TEST_P(StdioTest, LinesFromTheOtherEndOfATerminal) { Run(LinesMain(OtherEndOfTerminal())); }
TEST_P(StdioTest, LinesFromAPipe) { Run(LinesMain(PipeEnds(/*to_them=*/true))); }
TEST_P(StdioTest, LinesFromASocket) { Run(LinesMain(SocketEnds())); }

// As a shell begins a program whose input is a named pipe: the writer may have gone before it runs.
Ends LeftFifo(std::string_view text) {
  std::string name = ::testing::TempDir() + "/fifo_XXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  const std::string path = name + "/fifo";
  EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int both = open(path.c_str(), O_RDWR | O_CLOEXEC);  // the opens below do not wait
  EXPECT_GE(both, 0);
  Ends ends;
  ends.theirs = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int writer = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  Put(writer, text);
  close(writer);
  close(both);
  unlink(path.c_str());
  rmdir(name.c_str());
  return ends;
}
Task<void> LeftFifoMain(Ends ends, std::string_view text) {
  Stdin in(ends.theirs);
  EXPECT_EQ(co_await ReadAll(in), text);
  EXPECT_EQ(co_await ReadAll(in), "");  // again
}
TEST_P(StdioTest, ANamedPipeWhoseWriterHasGoneEnds) {
  Run(LeftFifoMain(LeftFifo("abc\n"), "abc\n"));
  Run(LeftFifoMain(LeftFifo(""), ""));
}

// A terminal whose reads never wait: that nothing is there is no end.
Ends TerminalThatNeverWaits() {
  Ends ends = Terminal();
  termios how = {};
  EXPECT_EQ(tcgetattr(ends.theirs, &how), 0);
  cfmakeraw(&how);
  how.c_cc[VMIN] = 0;
  how.c_cc[VTIME] = 0;
  EXPECT_EQ(tcsetattr(ends.theirs, TCSANOW, &how), 0);
  return ends;
}
Task<void> NeverWaitsMain(Ends ends) {
  Stdin in(ends.theirs);
  std::string bytes(4, '\0');
  for (const std::string_view text : {"abcd", "ef", "ghij"}) {
    auto cut = co_await Select(in.Read(RoomIn(bytes)), Yield());
    EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
    auto [got, zero] = co_await Join(in.Read(RoomIn(bytes)), PutLater(ends.ours, text));
    (void)zero;
    EXPECT_EQ(bytes.substr(0, *got), text);
  }
}
TEST_P(StdioTest, ATerminalThatNeverWaitsIsWaitedFor) {
  Run(NeverWaitsMain(TerminalThatNeverWaits()));
}

// As a program has it that writes its log and its output: both wait at the same time.
Task<std::string> ReadPart(Stdin& in) {
  std::string bytes(4, '\0');
  IoResult<size_t> got = co_await in.Read(RoomIn(bytes));
  co_return bytes.substr(0, *got);
}
Task<void> TwoReadersMain(Ends ends) {
  Stdin one(ends.theirs);
  Stdin two(ends.theirs);
  auto [first, second, zero] =
      co_await Join(ReadPart(one), ReadPart(two), PutLater(ends.ours, "abcdefgh"));
  (void)zero;
  EXPECT_TRUE((first == "abcd" && second == "efgh") || (first == "efgh" && second == "abcd"))
      << first << " " << second;
}
TEST_P(StdioTest, TwoObjectsMayWaitForOneSocket) { Run(TwoReadersMain(SocketEnds())); }
TEST_P(StdioTest, TwoObjectsMayWaitForOnePipe) { Run(TwoReadersMain(PipeEnds(/*to_them=*/true))); }

// Nothing can be opened once more.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

Stdin MakeWithoutReopening(int fd) {
  const NoDescriptors none;
  return Stdin(fd);
}
Stdout MakeOutWithoutReopening(int fd) {
  const NoDescriptors none;
  return Stdout(fd);
}

Task<void> NotReopenedMain(Ends in_ends, Ends out_ends) {
  Stdin in = MakeWithoutReopening(in_ends.theirs);
  std::string bytes(100, '\0');
  auto cut = co_await Select(in.Read(RoomIn(bytes)), Yield());  // it holds no thread of the pool
  EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
  auto [got, zero] = co_await Join(in.Read(RoomIn(bytes)), PutLater(in_ends.ours, "later\n"));
  (void)zero;
  EXPECT_EQ(bytes.substr(0, *got), "later\n");
  Stdout out = MakeOutWithoutReopening(out_ends.theirs);
  IoResult<size_t> sent = co_await out.Write(BytesOf(std::string(100'000, 'x')));
  EXPECT_EQ(*sent, 4096u);  // what never waits
  EXPECT_EQ(fcntl(in_ends.theirs, F_GETFL) & O_NONBLOCK, 0);
}
TEST_P(StdioTest, WhatCannotBeOpenedOnceMoreIsWaitedFor) {
  Run(NotReopenedMain(PipeEnds(/*to_them=*/true), PipeEnds(/*to_them=*/false)));
}

// Others who have the same open file may have set O_NONBLOCK, and be faster: who comes too late
// waits again.
Task<void> ReadInto(Stdin& in, std::string& text, size_t& ended) {
  text.assign(4, '\0');
  IoResult<size_t> got = co_await in.Read(RoomIn(text));
  EXPECT_TRUE(got.ok()) << got.error();
  text.resize(got.ok() ? *got : 0);
  ++ended;
}
Task<void> PutWhenOneHasEnded(int fd, const size_t& ended) {
  for (int i = 0; i < 4; ++i) co_await Yield();
  Put(fd, "abcd");
  while (ended == 0) co_await Yield();
  for (int i = 0; i < 100; ++i) co_await Yield();  // the other one may try meanwhile
  Put(fd, "efgh");
}
Task<void> TooLateMain(Ends ends) {
  EXPECT_EQ(fcntl(ends.theirs, F_SETFL, O_NONBLOCK), 0);
  Ends others;
  others.theirs = fcntl(ends.theirs, F_DUPFD_CLOEXEC, 0);
  Stdin one = MakeWithoutReopening(ends.theirs);
  Stdin two = MakeWithoutReopening(others.theirs);
  for (int i = 0; i < 20; ++i) {
    std::string first;
    std::string second;
    size_t ended = 0;
    (void)co_await Join(ReadInto(one, first, ended), ReadInto(two, second, ended),
                        PutWhenOneHasEnded(ends.ours, ended));
    EXPECT_TRUE(first + second == "abcdefgh" || second + first == "abcdefgh");
  }
}
TEST_P(StdioTest, WhoComesTooLateWaitsAgain) { Run(TooLateMain(PipeEnds(/*to_them=*/true))); }

Task<std::string> Take(int fd, size_t count) {
  std::string all;
  while (all.size() < count) {
    std::array<char, 4096> part;
    const ssize_t got = recv(fd, part.data(), part.size(), MSG_DONTWAIT);
    if (got > 0) all.append(part.data(), static_cast<size_t>(got));
    co_await Yield();
  }
  co_return all;
}
// More than a socket holds.
Task<void> LargeMain() {
  Ends ends = SocketEnds();
  Stdout out(ends.theirs);
  const std::string text = LettersAt(0, 1'000'000);
  auto [sent, all] = co_await Join(WriteAll(out, BytesOf(text)), Take(ends.ours, text.size()));
  EXPECT_TRUE(sent.ok());
  EXPECT_TRUE(all == text);
}
TEST_P(StdioTest, ASlowReaderIsWaitedFor) { Run(LargeMain()); }

Task<void> TurnsAndThen(size_t turns, auto act) {
  for (; turns > 0; --turns) co_await Yield();
  act();
}
// What is there now.
void Drain(int fd, std::string& all) {
  std::array<char, 4096> part;
  for (ssize_t got = 0; (got = read(fd, part.data(), part.size())) > 0;) {
    all.append(part.data(), static_cast<size_t>(got));
  }
}
// Writes `text` piece by piece, each of which may be cut short, and is overwritten as soon as its
// write has ended. Returns how many were. `take()` takes what has been written: in the moment in
// which a write is cut short, and not before one has been, so one is.
Task<size_t> WriteCut(Stdout& out, const std::string& text, auto take) {
  size_t sent = 0;
  size_t cut_short = 0;
  for (size_t i = 0; sent < text.size(); ++i) {
    std::string part = text.substr(sent, 30'000);
    // Now and then one is not: a thread of the pool may need longer than a few turns to begin.
    const bool may_be_cut = cut_short == 0 || i % 7 != 0;
    IoResult<size_t> done = IoError(ECANCELED);
    if (may_be_cut) {
      const auto then = [&] {
        if (cut_short > 0) take();
      };
      auto cut = co_await Select(out.Write(BytesOf(part)), TurnsAndThen(i % 6, then));
      done = cut.template Get<0>();
    } else {
      take();
      done = co_await out.Write(BytesOf(part));
    }
    if (done.ok()) {
      EXPECT_GT(*done, 0u);
      sent += *done;
    } else {
      EXPECT_EQ(done.error(), ECANCELED);
      ++cut_short;
    }
    part.assign(part.size(), '!');
  }
  co_return cut_short;
}
Task<void> CutMain(Ends ends, Stdout (*make)(int)) {
  EXPECT_EQ(fcntl(ends.ours, F_SETFL, O_NONBLOCK), 0);
  const std::string text = LettersAt(0, 1'000'000);
  std::string all;
  Stdout out = make(ends.theirs);
  const size_t cut_short = co_await WriteCut(out, text, [&] { Drain(ends.ours, all); });
  Drain(ends.ours, all);
  EXPECT_TRUE(all == text);
  EXPECT_GT(cut_short, 0u);
}
Stdout MakeOut(int fd) { return Stdout(fd); }
TEST_P(StdioTest, AWriteThatIsCutShortSaysHowMuchPipe) {
  Run(CutMain(PipeEnds(/*to_them=*/false), &MakeOut));
}
TEST_P(StdioTest, AWriteThatIsCutShortSaysHowMuchSocket) { Run(CutMain(SocketEnds(), &MakeOut)); }
TEST_P(StdioTest, AWriteThatIsCutShortSaysHowMuchInThePool) {
  Run(CutMain(PipeEnds(/*to_them=*/false), &MakeOutWithoutReopening));
}
// One that the pool has begun is waited for, and told.
Task<void> CutFileMain() {
  const int fd = EmptyFile();
  const std::string text = LettersAt(0, 1'000'000);
  Stdout out(fd);
  (void)co_await WriteCut(out, text, [] {});
  std::string all(text.size() + 1, '\0');
  EXPECT_EQ(pread(fd, all.data(), all.size(), 0), static_cast<ssize_t>(text.size()));
  all.pop_back();
  EXPECT_TRUE(all == text);
  close(fd);
}
TEST_P(StdioTest, AWriteThatIsCutShortSaysHowMuchFile) { Run(CutFileMain()); }

Task<void> FileMain() {
  const int fd = EmptyFile();
  Stdout out(fd);
  const std::array<std::span<const std::byte>, 2> parts = {BytesOf("one\n"), BytesOf("two\n")};
  EXPECT_EQ(*co_await out.WriteMany(parts), 8u);
  EXPECT_TRUE((co_await out.Shutdown()).ok());
  EXPECT_EQ(*co_await out.Write(BytesOf("three")), 5u);  // nothing is shut down
  EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);                  // the position is the descriptor's
  Stdin in(fd);
  EXPECT_EQ(co_await ReadAll(in, 3), "one\ntwo\nthree");
  close(fd);
}
TEST_P(StdioTest, AFileIsReadAndWrittenByThePool) { Run(FileMain()); }

Task<void> ErrorsMain() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  Stdin in(null);
  std::string bytes(10, '\0');
  EXPECT_EQ(*co_await in.Read(RoomIn(bytes)), 0u);
  Stdout out(null);
  EXPECT_EQ(*co_await out.Write(BytesOf("gone")), 4u);
  close(null);
  Stdin closed(null);
  EXPECT_EQ((co_await closed.Read(RoomIn(bytes))).error(), EBADF);
  Ends ends = PipeEnds(/*to_them=*/false);
  Stdout broken(ends.theirs);
  close(std::exchange(ends.ours, -1));
  EXPECT_EQ((co_await broken.Write(BytesOf("x"))).error(), EPIPE);  // and no signal
}
TEST_P(StdioTest, DevNullAndErrors) { Run(ErrorsMain()); }

}  // namespace
}  // namespace sluice::core::testing
