// What the tests of LineLog share: its clock, its warnings, a reader, a folder.
#ifndef SLUICE_TESTS_CORE_LOG_LINE_LOG_FIXTURE_H_
#define SLUICE_TESTS_CORE_LOG_LINE_LOG_FIXTURE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/log/line_log.h"

namespace sluice::core::testing {

inline constexpr Duration kLong = 20s;
inline constexpr Duration kShort = 20ms;

// Moved by hand; so the warnings that are held back are known.
class HandClock final : public Clock {
 public:
  Instant Now() const override { return now_; }
  void Advance(Duration by) { now_ = now_.load() + by; }

 private:
  Atomic<Instant> now_{Instant(1000s)};
};

class KeptWarnings final : public Logger {
 public:
  KeptWarnings() : Logger(LogLevel::kWarn) {}
  void Write(LogLevel, std::string_view line) override {
    absl::MutexLock lock(&mutex_);
    lines_.emplace_back(line);
  }
  uint64_t dropped() const override { return 0; }
  bool Drain(Duration) override { return true; }

  std::vector<std::string> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

// The reading end of a FIFO that exists or of a pipe.
class Reader {
 public:
  explicit Reader(const std::string& fifo)
      : fd_(open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    EXPECT_GE(fd_, 0);
    EXPECT_EQ(fcntl(fd_, F_SETFL, 0), 0);  // from here on reading waits
    EXPECT_GT(fcntl(fd_, F_SETPIPE_SZ, 4096), 0);
  }
  explicit Reader(int fd) : fd_(fd) {}
  Reader(const Reader&) = delete;
  ~Reader() { close(fd_); }

  // At least one byte; empty at the end.
  std::string Read() {
    std::string text(65536, '\0');
    const ssize_t bytes = read(fd_, text.data(), text.size());
    text.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return text;
  }
  std::string ReadLine() {
    std::string line;
    char c = 0;
    while (c != '\n' && read(fd_, &c, 1) == 1) line += c;
    return line;
  }
  std::string ReadAll() {
    std::string text;
    for (std::string part = Read(); !part.empty(); part = Read()) text += part;
    return text;
  }

 private:
  const int fd_;
};

class LineLogTest : public ::testing::Test {
 protected:
  LineLogTest() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~LineLogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<LineLog> Open(const std::string& path) {
    auto log = LineLog::Open("test log", path, clock_, warnings_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  std::string File(std::string_view name) const { return folder_ + "/" + std::string(name); }
  std::string Fifo() const {
    const std::string path = File("fifo");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return path;
  }

  std::string folder_ = std::string(std::getenv("TEST_TMPDIR")) + "/line_log.XXXXXX";
  HandClock clock_;
  KeptWarnings warnings_;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_LOG_LINE_LOG_FIXTURE_H_
