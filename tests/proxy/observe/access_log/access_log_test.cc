// AccessLog: the formats, and rotation under load; tests/core/log/line_log_test.cc has the rest.

#include "proxy/observe/access_log/access_log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "proxy/observe/access_log/record_json.h"
#include "proxy/observe/access_log/record_text.h"

namespace sluice::proxy::testing {
namespace {

using Format = AccessLogSettings::Format;

constexpr core::Duration kLong = 20s;

std::string ReadFile(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~AccessLogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AccessLog> Open(Format format) {
    auto log = AccessLog::Open({path(), format}, clock_, *logger_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  std::string path() const { return folder_ + "/access.log"; }

  std::string folder_ = std::string(std::getenv("TEST_TMPDIR")) + "/access_log.XXXXXX";
  const core::MonotonicClock clock_;
  const std::unique_ptr<core::Logger> logger_ =
      core::Logger::ToStderr(core::LogLevel::kWarn, core::LogFormat::kText);
};

TEST_F(AccessLogTest, BothFormats) {
  SessionRecord record;
  record.listener = "web";
  record.upstream = "app";
  std::string expected;
  for (const Format format : {Format::kText, Format::kJson}) {
    const std::unique_ptr<AccessLog> log = Open(format);
    log->Write(record);
    EXPECT_TRUE(log->Drain(kLong));
    EXPECT_EQ(log->written(), 1u);
    format == Format::kJson ? AppendJson(record, expected) : AppendText(record, expected);
    expected += '\n';
  }
  EXPECT_EQ(ReadFile(path()), expected);
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsAnError) {
  const auto log = AccessLog::Open({folder_ + "/none/access.log", {}}, clock_, *logger_);
  EXPECT_EQ(log.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(log.status().message().find("/none/access.log"), std::string::npos) << log.status();
}

TEST_F(AccessLogTest, EndsWithEverythingWritten) {
  SessionRecord record;
  constexpr int kLines = 1000;
  std::unique_ptr<AccessLog> log = Open(Format::kText);
  for (int i = 0; i < kLines; ++i) log->Write(record);
  log.reset();
  const std::string text = ReadFile(path());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kLines);
}

// Two threads write as fast as the log does while the file is renamed and reopened: every line is
// in one of the files, once, whole, in its thread's order.
TEST_F(AccessLogTest, NoLineIsLostOrTornByRotation) {
  constexpr int kRotations = 30;
  const std::string listeners[] = {"first", "second"};
  const std::unique_ptr<AccessLog> log = Open(Format::kJson);
  std::atomic<bool> enough{false};
  uint32_t sent[2] = {0, 0};
  std::vector<std::thread> writers;
  for (size_t i = 0; i < 2; ++i) {
    writers.emplace_back([&, i] {
      SessionRecord record;
      record.listener = listeners[i];
      for (; !enough || record.attempts == 0; ++record.attempts) {
        log->Write(record);
        if (record.attempts % 100 == 99) EXPECT_TRUE(log->Drain(kLong));  // or the queue overflows
      }
      sent[i] = record.attempts;
    });
  }
  std::vector<std::string> files;
  for (int i = 0; i < kRotations; ++i) {
    files.push_back(path() + "." + std::to_string(i));
    std::filesystem::rename(path(), files.back());
    log->Reopen();
    ASSERT_TRUE(log->Drain(kLong));
  }
  files.push_back(path());
  enough = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_TRUE(log->Drain(kLong));
  EXPECT_EQ(log->written(), uint64_t{sent[0]} + sent[1]);
  EXPECT_EQ(log->dropped(), 0u);

  uint32_t next[2] = {0, 0};
  for (const std::string& file : files) {
    std::istringstream lines(ReadFile(file));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      ASSERT_TRUE(json.is_object()) << line;
      ASSERT_EQ(json["attempts"], next[json["listener"] == listeners[1]]++) << file;
    }
  }
  EXPECT_EQ(next[0], sent[0]);
  EXPECT_EQ(next[1], sent[1]);
}

}  // namespace
}  // namespace sluice::proxy::testing
