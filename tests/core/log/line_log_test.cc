// LineLog: what becomes of lines when the disk is full, there is no reader, or the file moves away.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/core/log/line_log_fixture.h"

namespace sluice::core::testing {
namespace {

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Files of this process grow to `bytes` at most, as on a full disk, as long as this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);  // for the test's own output
    const rlimit limit = {bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_;
  void (*handler_)(int);
};

TEST_F(LineLogTest, AFileIsCreatedForTheOwnerAndReadersOfItsGroup) {
  const mode_t before = umask(0);
  const std::unique_ptr<LineLog> log = Open(File("log"));
  umask(before);
  struct stat status;
  ASSERT_EQ(stat(File("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) != File("log")) continue;
    EXPECT_EQ(fcntl(std::stoi(entry.path().filename()), F_GETFD), FD_CLOEXEC);
    return;
  }
  ADD_FAILURE() << "the file is not open";
}

TEST_F(LineLogTest, AppendsAndEndsALineThatWasCut) {
  WriteFile(File("log"), "whole\n");
  {
    const std::unique_ptr<LineLog> log = Open(File("log"));
    log->Write("new");
  }
  EXPECT_EQ(ReadFile(File("log")), "whole\nnew\n");
  WriteFile(File("log"), "whole\ncu");
  {
    const std::unique_ptr<LineLog> log = Open(File("log"));
    log->Write("new");
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->written(), 1u);
  }
  EXPECT_EQ(ReadFile(File("log")), "whole\ncu\nnew\n");
}

TEST_F(LineLogTest, LinesOfManyThreadsAreWholeAndInOrder) {
  constexpr int kThreads = 4;
  constexpr int kLines = 10000;
  std::unique_ptr<LineLog> log = Open(File("log"));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < kLines; ++i) log->Write(absl::StrFormat("%d %d", t, i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->written(), uint64_t{kThreads * kLines});
  EXPECT_EQ(log->dropped(), 0u);
  std::istringstream lines(ReadFile(File("log")));
  int next[kThreads] = {};
  int thread;
  int number;
  while (lines >> thread >> number) ASSERT_EQ(number, next[thread]++);
  for (const int count : next) EXPECT_EQ(count, kLines);
}

// No call asks for the lines to be written: they wake the thread, from its nap or sleep.
TEST_F(LineLogTest, EveryLineComesByItself) {
  const std::string fifo = Fifo();
  Reader reader(fifo);
  const std::unique_ptr<LineLog> log = Open(fifo);
  for (int i = 0; i < 100; ++i) {
    const std::string line = absl::StrFormat("line %d", i);
    log->Write(line);
    ASSERT_EQ(reader.ReadLine(), line + "\n");
    if (i % 3 == 0) EXPECT_TRUE(log->Drain(kLong));
  }
}

TEST_F(LineLogTest, AFullDiskCostsLinesAndOneWarningPerInterval) {
  const std::unique_ptr<LineLog> log = Open("/dev/full");
  for (int i = 0; i < 1000; ++i) log->Write("no space");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->dropped(), 1000u);
  EXPECT_EQ(log->written(), 0u);
  ASSERT_EQ(warnings_.lines().size(), 1u);
  EXPECT_EQ(warnings_.lines()[0].rfind("test log /dev/full: No space left on device; lines ", 0),
            0u)
      << warnings_.lines()[0];
  clock_.Advance(LineLog::kWarnInterval);
  log->Write("no space");
  EXPECT_TRUE(log->Drain(kLong));
  ASSERT_EQ(warnings_.lines().size(), 2u);
  EXPECT_EQ(warnings_.lines()[1],
            "test log /dev/full: No space left on device; lines dropped so far: 1001");
}

TEST_F(LineLogTest, ALineCutByAFullDiskIsCompletedWhenThereIsSpace) {
  const std::unique_ptr<LineLog> log = Open(File("log"));
  {
    FileSizeLimit limit(100);  // 12 lines and a half
    for (int i = 0; i < 20; ++i) log->Write(absl::StrFormat("line %02d", i));
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->written(), 12u);
    EXPECT_EQ(log->dropped(), 7u);
    log->Write("still full");
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->dropped(), 8u);
  }
  log->Write("space");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->written(), 14u);
  EXPECT_EQ(log->dropped(), 8u);
  const std::string text = ReadFile(File("log"));
  EXPECT_EQ(text.substr(80), "line 10\nline 11\nline 12\nspace\n");
}

TEST_F(LineLogTest, ALineCutInTheOldFileDoesNotSpoilTheNewOne) {
  const std::unique_ptr<LineLog> log = Open(File("log"));
  FileSizeLimit limit(12);
  log->Write("line 00");
  log->Write("line 01");
  EXPECT_TRUE(log->Drain(kLong));
  std::filesystem::rename(File("log"), File("old"));
  log->Reopen();
  log->Write("new");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(ReadFile(File("old")), "line 00\nline");
  EXPECT_EQ(ReadFile(File("log")), "new\n");
  EXPECT_EQ(log->written(), 2u);
  EXPECT_EQ(log->dropped(), 1u);
}

TEST_F(LineLogTest, AFifoMayWaitForItsReader) {
  const std::string fifo = Fifo();
  const std::unique_ptr<LineLog> log = Open(fifo);
  uint64_t dropped = 0;
  for (uint64_t round = 1; round <= 3; ++round) {
    for (int i = 0; i < 5; ++i) log->Write("to nobody");
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->dropped(), dropped += 5);
    Reader reader(fifo);
    log->Write("to somebody");
    EXPECT_TRUE(log->Drain(kLong));  // before that no process has the FIFO open for writing
    EXPECT_EQ(reader.ReadLine(), "to somebody\n");
    EXPECT_EQ(log->written(), round);
  }
  ASSERT_EQ(warnings_.lines().size(), 1u);
  EXPECT_NE(warnings_.lines()[0].find("it has no reader"), std::string::npos);
}

// A reader that ends may take the FIFO with it, and the next one makes another.
TEST_F(LineLogTest, AFifoMadeAnewIsFound) {
  const std::string fifo = Fifo();
  auto reader = std::make_unique<Reader>(fifo);
  const std::unique_ptr<LineLog> log = Open(fifo);
  reader.reset();
  std::filesystem::remove(fifo);
  reader = std::make_unique<Reader>(Fifo());
  log->Write("to nobody");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->dropped(), 1u);
  log->Write("to somebody");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->written(), 1u);
  EXPECT_EQ(reader->ReadLine(), "to somebody\n");
}

// Its lines are 0, 1, 2 ..., some missing; returns how many there are.
uint64_t CheckNumbers(const std::string& text, size_t width) {
  std::istringstream lines(text);
  uint64_t count = 0;
  int64_t last = -1;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(line.size(), width);
    const int64_t number = std::stoll(line);
    EXPECT_GT(number, last);
    last = number;
  }
  EXPECT_TRUE(text.empty() || text.back() == '\n');
  return count;
}

TEST_F(LineLogTest, ASlowReaderHoldsUpNobodyAndGetsWholeLines) {
  constexpr size_t kWidth = 99;
  constexpr uint64_t kLines = 3 * LineLog::kQueueBytes / kWidth;
  const std::string fifo = Fifo();
  Reader reader(fifo);
  std::unique_ptr<LineLog> log = Open(fifo);
  for (uint64_t i = 0; i < kLines; ++i) log->Write(absl::StrFormat("%0*d", kWidth, i));
  EXPECT_FALSE(log->Drain(kShort));
  EXPECT_GT(log->dropped(), 0u);
  ASSERT_EQ(warnings_.lines().size(), 1u);
  EXPECT_NE(warnings_.lines()[0].find("too slow"), std::string::npos);

  std::string text;
  std::thread reading([&] { text = reader.ReadAll(); });
  EXPECT_TRUE(log->Drain(kLong));
  const uint64_t written = log->written();
  EXPECT_EQ(written + log->dropped(), kLines);
  log.reset();
  reading.join();
  EXPECT_EQ(CheckNumbers(text, kWidth), written);
}

// More than the kernel takes at once, of a pipe and of a file.
TEST_F(LineLogTest, ALongLineIsWhole) {
  const std::string fifo = Fifo();
  for (const std::string& path : {fifo, File("log")}) {
    Reader reader(fifo);
    const std::unique_ptr<LineLog> log = Open(path);
    const std::string line(100'000, 'x');
    log->Write("short");
    log->Write(line);
    log->Write("end");
    if (path == fifo) {
      EXPECT_EQ(reader.ReadLine(), "short\n");
      EXPECT_EQ(reader.ReadLine(), line + "\n");
      EXPECT_EQ(reader.ReadLine(), "end\n");
    }
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->written(), 3u);
    if (path != fifo) EXPECT_EQ(ReadFile(path), "short\n" + line + "\nend\n");
  }
}

TEST_F(LineLogTest, AStuckReaderDoesNotHoldUpTheEnd) {
  const std::string fifo = Fifo();
  Reader reader(fifo);
  std::unique_ptr<LineLog> log = Open(fifo);
  for (int i = 0; i < 1000; ++i) log->Write(absl::StrFormat("%099d", i));
  EXPECT_FALSE(log->Drain(kShort));
  log.reset();
  EXPECT_EQ(CheckNumbers(reader.ReadAll(), 99), 40u);  // what the pipe holds of whole lines
}

TEST_F(LineLogTest, LinesBeforeAReopenGoToTheOldFile) {
  const std::unique_ptr<LineLog> log = Open(File("log"));
  for (int i = 0; i < 20; ++i) {
    const std::string line = absl::StrFormat("line %d", i);
    const std::string old = File(absl::StrFormat("old%d", i));
    log->Write(line);
    std::filesystem::rename(File("log"), old);
    log->Reopen();
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(ReadFile(old), line + "\n");
    EXPECT_EQ(ReadFile(File("log")), "");
  }
}

TEST_F(LineLogTest, LinesBeforeARetargetGoToTheOldFile) {
  const std::unique_ptr<LineLog> log = Open(File("log0"));
  for (int i = 0; i < 20; ++i) {
    log->Write(absl::StrFormat("line %d", i));
    absl::StatusOr<LineLog::Target> target = log->Prepare(File(absl::StrFormat("log%d", i + 1)));
    ASSERT_TRUE(target.ok()) << target.status();
    log->Retarget(*std::move(target));
  }
  log->Write("line 20");
  EXPECT_TRUE(log->Drain(kLong));
  // Several in one go count as the last of them.
  std::string all;
  for (int i = 0; i <= 20; ++i) all += ReadFile(File(absl::StrFormat("log%d", i)));
  EXPECT_EQ(static_cast<size_t>(std::ranges::count(all, '\n')), 21u);
  EXPECT_EQ(ReadFile(File("log20")), "line 20\n");
  log->Reopen();
  log->Write("after");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(ReadFile(File("log20")), "line 20\nafter\n");
  EXPECT_FALSE(log->Prepare(File("")).ok()) << "a folder";
  EXPECT_EQ(log->written(), 22u);
  EXPECT_EQ(log->dropped(), 0u);
}

TEST_F(LineLogTest, AReopenThatFailsIsTriedAgain) {
  std::filesystem::create_directory(File("folder"));
  const std::unique_ptr<LineLog> log = Open(File("folder/log"));
  log->Write("first");
  std::filesystem::rename(File("folder"), File("moved"));
  log->Reopen();
  log->Write("second");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(ReadFile(File("moved/log")), "first\nsecond\n");
  ASSERT_EQ(warnings_.lines().size(), 1u);
  EXPECT_NE(warnings_.lines()[0].find("No such file or directory"), std::string::npos);
  std::filesystem::create_directory(File("folder"));
  log->Write("third");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(ReadFile(File("folder/log")), "third\n");
  EXPECT_EQ(log->written(), 3u);
  EXPECT_EQ(log->dropped(), 0u);
}

// Standard error is a pipe as long as this lives.
class StderrPipe {
 public:
  StderrPipe() : saved_(dup(STDERR_FILENO)) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    read_end_ = ends[0];
  }
  ~StderrPipe() { Restore(); }
  void Restore() {
    if (saved_ < 0) return;
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    saved_ = -1;
  }
  int read_end() const { return read_end_; }

 private:
  int saved_;
  int read_end_ = -1;
};

TEST_F(LineLogTest, StandardErrorThatNobodyReadsHoldsUpNobody) {
  constexpr uint64_t kLines = 10000;
  std::string text;
  uint64_t written = 0;
  {
    StderrPipe pipe;
    Reader reader(pipe.read_end());
    std::unique_ptr<LineLog> log = Open("stderr");
    for (uint64_t i = 0; i < kLines; ++i) log->Write(absl::StrFormat("%099d", i));
    log->Reopen();  // stays what it is
    EXPECT_FALSE(log->Drain(kShort));
    log.reset();
    log = Open("stderr");
    std::thread reading([&] { text = reader.ReadAll(); });
    for (uint64_t i = kLines; i < 2 * kLines; ++i) log->Write(absl::StrFormat("%099d", i));
    EXPECT_TRUE(log->Drain(kLong));
    written = log->written();
    log.reset();
    pipe.Restore();
    reading.join();
  }
  EXPECT_EQ(written, kLines);
  const uint64_t lines = CheckNumbers(text, 99);
  EXPECT_GT(lines, kLines);      // of the first log too, as many as the pipe took
  EXPECT_LT(lines, 2 * kLines);  // the others were dropped when it ended
}

}  // namespace
}  // namespace sluice::core::testing
