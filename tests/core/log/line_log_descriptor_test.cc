// LineLog: descriptors that it was started with, sockets above all, and what cannot be a log.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "tests/core/log/line_log_fixture.h"

namespace sluice::core::testing {
namespace {

// A descriptor that the process seems to have been started with: no FD_CLOEXEC.
class Inherited {
 public:
  // Takes the place of `number`, or any that is free.
  explicit Inherited(int fd, int number = -1) : number_(number) {
    if (number_ < 0) {
      number_ = fcntl(fd, F_DUPFD, 100);
    } else {
      saved_ = fcntl(number_, F_DUPFD_CLOEXEC, 100);
      EXPECT_EQ(dup2(fd, number_), number_);
    }
    EXPECT_GE(number_, 0);
    close(fd);
  }
  Inherited(const Inherited&) = delete;
  ~Inherited() {
    if (saved_ < 0) {
      close(number_);
    } else {
      dup2(saved_, number_);
      close(saved_);
    }
  }
  int number() const { return number_; }

 private:
  int number_;
  int saved_ = -1;
};

struct Pair {
  explicit Pair(int type) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    ours = ends[0];
    theirs = ends[1];
  }
  int ours;
  int theirs;
};

// As under a service manager: standard output is a socket, which open(2) cannot open.
TEST_F(LineLogTest, ASocketThatWasInheritedIsWrittenToByAnyOfItsNames) {
  std::filesystem::create_symlink("/dev/stdout", File("link"));
  const std::string own = absl::StrFormat("/proc/%d/fd/1", getpid());
  for (const std::string& path :
       {std::string("stdout"), std::string("/dev/stdout"), std::string("/proc/self/fd/1"),
        std::string("/dev/fd/1"), own, File("link")}) {
    Pair pair(SOCK_STREAM);
    Reader reader(pair.ours);
    {
      const Inherited standard(pair.theirs, STDOUT_FILENO);
      const std::unique_ptr<LineLog> log = Open(path);
      for (int i = 0; i < 3; ++i) log->Write("record");
      log->Reopen();  // it stays the same
      log->Write("last");
      EXPECT_TRUE(log->Drain(kLong));
      EXPECT_EQ(log->written(), 4u) << path;
      EXPECT_EQ(log->dropped(), 0u) << path;
    }
    EXPECT_EQ(reader.ReadAll(), "record\nrecord\nrecord\nlast\n") << path;
  }
  EXPECT_TRUE(warnings_.lines().empty());
  EXPECT_FALSE(std::filesystem::exists("stdout"));
}

// Each line is a message of its own, also when many are queued.
TEST_F(LineLogTest, ASocketOfDatagramsGetsOneLineInEach) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    Pair pair(type);
    Reader reader(pair.ours);
    const Inherited inherited(pair.theirs);
    const std::unique_ptr<LineLog> log =
        Open(absl::StrFormat("/proc/self/fd/%d", inherited.number()));
    for (int i = 0; i < 200; ++i) log->Write(absl::StrFormat("line %d", i));
    for (int i = 0; i < 200; ++i) ASSERT_EQ(reader.Read(), absl::StrFormat("line %d\n", i));
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->written(), 200u);
  }
}

// The thread waits for a full pipe, and O_NONBLOCK, which belongs to others as well, stays.
TEST_F(LineLogTest, AnInheritedDescriptorMayBeFullAndNotBlock) {
  for (const bool is_pipe : {true, false}) {
    int ends[2];
    if (is_pipe) {
      ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    } else {
      const Pair pair(SOCK_STREAM);
      ends[0] = pair.ours;
      ends[1] = pair.theirs;
    }
    ASSERT_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    Reader reader(ends[0]);
    std::string text;
    constexpr uint64_t kLines = 20000;
    uint64_t accounted = 0;
    {
      const Inherited standard(ends[1], STDOUT_FILENO);
      const std::unique_ptr<LineLog> log = Open("stdout");
      for (uint64_t i = 0; i < kLines; ++i) log->Write(absl::StrFormat("%099d", i));
      EXPECT_FALSE(log->Drain(kShort));
      while (std::count(text.begin(), text.end(), '\n') < static_cast<int64_t>(kLines)) {
        text += reader.Read();
      }
      EXPECT_TRUE(log->Drain(kLong));
      accounted = log->written();
      EXPECT_NE(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
    }
    EXPECT_EQ(accounted, kLines);
    for (uint64_t i = 0; i < kLines; ++i) {
      ASSERT_EQ(text.substr(i * 100, 100), absl::StrFormat("%099d\n", i));
    }
  }
}

TEST_F(LineLogTest, ADescriptorOfOursIsNotInherited) {
  Pair pair(SOCK_STREAM);
  const Reader reader(pair.ours);
  const Reader hidden(pair.theirs);  // with FD_CLOEXEC
  const auto log = LineLog::Open("test log", absl::StrFormat("/proc/self/fd/%d", pair.theirs),
                                 clock_, warnings_);
  ASSERT_FALSE(log.ok());
  EXPECT_NE(log.status().message().find("it is a UNIX socket"), std::string::npos) << log.status();
}

TEST_F(LineLogTest, WhatCannotBeALogIsTold) {
  const int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  const std::string short_folder = "/proc/self/cwd/log_socket";  // sun_path is short
  std::memcpy(name.sun_path, short_folder.data(), short_folder.size());
  unlink("log_socket");
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  const auto message = [&](const std::string& path) {
    const auto log = LineLog::Open("test log", path, clock_, warnings_);
    return std::string(log.status().message());
  };
  EXPECT_EQ(message("log_socket"),
            "test log log_socket: it is a UNIX socket, allowed: a file, a FIFO, stdout, stderr");
  EXPECT_EQ(message(folder_),
            "test log " + folder_ + ": it is a directory, allowed: a file, a FIFO, stdout, stderr");
  EXPECT_NE(message("/proc/self/fd/977").find("No such file"), std::string::npos);
  close(listener);
  unlink("log_socket");
}

// Closed at the start: the number is taken, and what is written to it is lost and counted.
TEST_F(LineLogTest, AStandardDescriptorThatTakesNothingCostsItsLines) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const Inherited standard(null, STDOUT_FILENO);
  const std::unique_ptr<LineLog> log = Open("stdout");
  for (int i = 0; i < 3; ++i) log->Write("record");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->dropped(), 3u);
  EXPECT_EQ(log->written(), 0u);
  ASSERT_EQ(warnings_.lines().size(), 1u);
  EXPECT_NE(warnings_.lines()[0].find("it is not open for writing"), std::string::npos);
}

TEST_F(LineLogTest, ASocketWhosePeerHasGoneCostsItsLines) {
  Pair pair(SOCK_STREAM);
  close(pair.ours);
  const Inherited standard(pair.theirs, STDOUT_FILENO);
  const std::unique_ptr<LineLog> log = Open("stdout");
  for (int i = 0; i < 3; ++i) log->Write("record");
  EXPECT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->dropped(), 3u);
  ASSERT_EQ(warnings_.lines().size(), 1u);
  EXPECT_NE(warnings_.lines()[0].find("it has no reader"), std::string::npos);
}

}  // namespace
}  // namespace sluice::core::testing
