// Logger: format, level, and what happens when standard error is not read.

#include "core/log/logger.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace sluice::core::testing {
namespace {

// Standard error is a pipe as long as this lives.
class StderrPipe {
 public:
  StderrPipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    read_end_ = ends[0];
    saved_ = dup(STDERR_FILENO);
    EXPECT_GE(saved_, 0);
    EXPECT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
  }
  ~StderrPipe() {
    Restore();
    close(read_end_);
  }

  // Makes the next write block. The open file is the pipe's own: no other writer is affected.
  void Fill() {
    const int flags = fcntl(STDERR_FILENO, F_GETFL);
    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    const std::vector<char> junk(4096, '#');
    while (write(STDERR_FILENO, junk.data(), junk.size()) > 0) {
    }
    while (write(STDERR_FILENO, junk.data(), 1) > 0) {
    }
    EXPECT_EQ(errno, EAGAIN);
    fcntl(STDERR_FILENO, F_SETFL, flags);
  }

  // Everything up to the end, which comes when standard error is the old one again.
  std::string ReadAll() {
    std::string text;
    char chunk[4096];
    for (;;) {
      const ssize_t bytes = read(read_end_, chunk, sizeof(chunk));
      if (bytes <= 0) return text;
      text.append(chunk, static_cast<size_t>(bytes));
    }
  }

  void Restore() {
    if (saved_ < 0) return;
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    saved_ = -1;
  }

 private:
  int read_end_ = -1;
  int saved_ = -1;
};

constexpr Duration kLong = 20s;

// What `write` logged.
template <typename Function>
std::string Logged(LogLevel level, LogFormat format, Function write) {
  StderrPipe pipe;
  std::unique_ptr<Logger> logger = Logger::ToStderr(level, format);
  write(*logger);
  EXPECT_TRUE(logger->Drain(kLong));
  EXPECT_EQ(logger->dropped(), 0u);
  logger.reset();
  pipe.Restore();
  return pipe.ReadAll();
}

TEST(LoggerTest, TextLines) {
  const std::string text = Logged(LogLevel::kInfo, LogFormat::kText, [](Logger& logger) {
    logger.Log(LogLevel::kInfo, "session %d of %s", 7, "web");
    logger.Log(LogLevel::kDebug, "not %s", "shown");
    logger.Log(LogLevel::kError, "broken");
  });
  EXPECT_NE(text.find(" info session 7 of web\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" error broken\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("shown"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(LoggerTest, LevelsAreOrdered) {
  const std::unique_ptr<Logger> logger = Logger::ToStderr(LogLevel::kWarn, LogFormat::kText);
  EXPECT_FALSE(logger->enabled(LogLevel::kTrace));
  EXPECT_FALSE(logger->enabled(LogLevel::kInfo));
  EXPECT_TRUE(logger->enabled(LogLevel::kWarn));
  EXPECT_TRUE(logger->enabled(LogLevel::kError));
}

TEST(LoggerTest, EveryLevelHasItsName) {
  const auto log_all = [](Logger& logger) {
    for (const LogLevel level :
         {LogLevel::kTrace, LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
      logger.Log(level, ".");
    }
  };
  const std::string text = Logged(LogLevel::kTrace, LogFormat::kText, log_all);
  size_t at = 0;
  for (const char* line : {" trace .\n", " debug .\n", " info .\n", " warning .\n", " error .\n"}) {
    at = text.find(line, at);
    EXPECT_NE(at, std::string::npos) << line << text;
  }
  EXPECT_EQ(Logged(LogLevel::kOff, LogFormat::kText, log_all), "");
}

TEST(LoggerTest, JsonEscapes) {
  std::string message = "quote \" backslash \\ newline \n tab \t bell \a nul ";
  message.push_back('\0');
  message += " umlaut \xc3\xa4 end";
  const std::string text = Logged(LogLevel::kInfo, LogFormat::kJson, [&message](Logger& logger) {
    logger.Write(LogLevel::kInfo, message);
  });
  const std::string expected =
      R"("level":"info","message":"quote \" backslash \\ newline \u000a tab \u0009 bell \u0007 )"
      R"(nul \u0000 umlaut )"
      "\xc3\xa4"
      R"( end"})"
      "\n";
  ASSERT_GE(text.size(), expected.size()) << text;
  EXPECT_EQ(text.substr(text.size() - expected.size()), expected);
  EXPECT_EQ(text.rfind("{\"time\":\"", 0), 0u) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

// A message may have any bytes: none of them ends it.
TEST(LoggerTest, FieldsAreMembersOfTheObjectAndInNoText) {
  const auto write = [](Logger& logger) {
    logger.WriteWithFields(LogLevel::kInfo, "a \"b\" \x1e", R"("more":{"c":1})");
    logger.WriteWithFields(LogLevel::kInfo, "none", "");
  };
  const std::string json = Logged(LogLevel::kInfo, LogFormat::kJson, write);
  EXPECT_NE(json.find(R"("message":"a \"b\" \u001e","more":{"c":1}})"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("message":"none"})"), std::string::npos) << json;
  const std::string text = Logged(LogLevel::kInfo, LogFormat::kText, write);
  EXPECT_EQ(text.find("more"), std::string::npos) << text;
}

TEST(LoggerTest, TheJournalIsTheStreamThatTheVariableNames) {
  const StderrPipe pipe;
  struct stat found;
  ASSERT_EQ(fstat(STDERR_FILENO, &found), 0);
  const std::string stream = std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
  EXPECT_EQ(PrioritiesFor(STDERR_FILENO, stream.c_str()), LogPriorities::kJournal);
  for (const char* const other : {"", "8:1", "journal"}) {
    EXPECT_EQ(PrioritiesFor(STDERR_FILENO, other), LogPriorities::kNone) << other;
  }
  EXPECT_EQ(PrioritiesFor(STDERR_FILENO, (stream + "0").c_str()), LogPriorities::kNone);
  EXPECT_EQ(PrioritiesFor(STDERR_FILENO, nullptr), LogPriorities::kNone);
  EXPECT_EQ(PrioritiesFor(-1, stream.c_str()), LogPriorities::kNone);
}

TEST(LoggerTest, ABlockedReaderHoldsUpNobody) {
  StderrPipe pipe;
  pipe.Fill();
  std::unique_ptr<Logger> logger = Logger::ToStderr(LogLevel::kInfo, LogFormat::kText);
  constexpr int kLines = 20000;
  for (int i = 0; i < kLines; ++i) logger->Log(LogLevel::kInfo, "line %d.", i);
  EXPECT_GT(logger->dropped(), 0u);
  EXPECT_FALSE(logger->Drain(20ms));

  // Once there is a reader, what is left is written: the newest lines.
  std::string text;
  std::thread reader([&] { text = pipe.ReadAll(); });
  EXPECT_TRUE(logger->Drain(kLong));
  const uint64_t dropped = logger->dropped();
  logger.reset();
  pipe.Restore();
  reader.join();
  const size_t lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_NE(text.find("line 19999.\n"), std::string::npos);
  EXPECT_GE(lines + dropped, static_cast<size_t>(kLines));
  EXPECT_LE(lines + dropped, static_cast<size_t>(kLines) + 2);  // an order to flush may be dropped
}

TEST(LoggerTest, OneLineThatCannotBeWrittenIsNotDrained) {
  StderrPipe pipe;
  pipe.Fill();
  std::unique_ptr<Logger> logger = Logger::ToStderr(LogLevel::kInfo, LogFormat::kText);
  logger->Log(LogLevel::kInfo, "stuck");
  EXPECT_FALSE(logger->Drain(20ms));
  std::string text;
  std::thread reader([&] { text = pipe.ReadAll(); });
  EXPECT_TRUE(logger->Drain(kLong));
  logger.reset();
  pipe.Restore();
  reader.join();
  EXPECT_NE(text.find("stuck\n"), std::string::npos);
}

TEST(LoggerTest, AMessageIsOneLineWhateverItsNames) {
  const std::string text = Logged(LogLevel::kInfo, LogFormat::kText, [](Logger& logger) {
    logger.Log(LogLevel::kInfo, "listening on %s.",
               "unix:@a\n2026 error forged\x1b[2J\x7f\xc2\x9b\xff");
  });
  EXPECT_NE(
      text.find(" info listening on unix:@a\\x0a2026 error forged\\x1b[2J\\x7f\\xc2\\x9b\\xff.\n"),
      std::string::npos)
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

// O_NONBLOCK of the terminal or of a parent: a full pipe is waited for, and no line is lost.
TEST(LoggerTest, StandardErrorMayNotBlock) {
  StderrPipe pipe;
  fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
  std::unique_ptr<Logger> logger = Logger::ToStderr(LogLevel::kInfo, LogFormat::kText);
  constexpr int kLines = 5000;
  for (int i = 0; i < kLines; ++i) logger->Log(LogLevel::kInfo, "line %d.", i);
  EXPECT_FALSE(logger->Drain(20ms));
  std::string text;
  std::thread reader([&] { text = pipe.ReadAll(); });
  EXPECT_TRUE(logger->Drain(kLong));
  EXPECT_EQ(logger->dropped(), 0u);
  EXPECT_NE(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
  logger.reset();
  pipe.Restore();
  reader.join();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kLines);
}

TEST(LoggerTest, WhatStandardErrorDoesNotTakeIsCounted) {
  const int saved = dup(STDERR_FILENO);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(full, STDERR_FILENO), STDERR_FILENO);
  close(full);
  std::unique_ptr<Logger> logger = Logger::ToStderr(LogLevel::kInfo, LogFormat::kText);
  for (int i = 0; i < 7; ++i) logger->Log(LogLevel::kInfo, "lost");
  const bool drained = logger->Drain(kLong);
  // The last line may be on its way.
  for (int i = 0; i < 1000 && logger->dropped() < 7; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  dup2(saved, STDERR_FILENO);
  close(saved);
  EXPECT_TRUE(drained);
  EXPECT_EQ(logger->dropped(), 7u);
}

TEST(LogThrottleTest, OncePerIntervalAndCountsTheRest) {
  LogThrottle throttle(1s);
  uint64_t suppressed = 99;
  EXPECT_TRUE(throttle.Pass(Instant(5s), suppressed));
  EXPECT_EQ(suppressed, 0u);
  EXPECT_FALSE(throttle.Pass(Instant(5s), suppressed));
  EXPECT_FALSE(throttle.Pass(Instant(6s - 1ns), suppressed));
  EXPECT_TRUE(throttle.Pass(Instant(6s), suppressed));
  EXPECT_EQ(suppressed, 2u);
  EXPECT_TRUE(throttle.Pass(Instant(9s), suppressed));
  EXPECT_EQ(suppressed, 0u);
}

}  // namespace
}  // namespace sluice::core::testing
