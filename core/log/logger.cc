#include "core/log/logger.h"

#include <pthread.h>
#include <spdlog/async.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/base/clock.h"
#include "core/log/line_sink.h"
#include "core/text/control_escape.h"
#include "core/text/json_escape.h"

namespace sluice::core {
namespace {

constexpr size_t kQueueLines = 8192;

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// %&: the priority of syslog(3), as the journal reads it.
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    constexpr std::string_view kPriorities[] = {"<7>", "<7>", "<6>", "<4>", "<3>", "<2>", "<6>"};
    static_assert(std::size(kPriorities) == size_t{spdlog::level::n_levels});
    const std::string_view text = kPriorities[static_cast<size_t>(message.level)];
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }
};

// What a message has behind its text (Logger::WriteWithFields): where the text ends is the line of
// its place in the source, which is not used for anything else. Not a mark in the text, which may
// have any bytes.
spdlog::source_loc PlaceOf(std::string_view line) {
  return {"", static_cast<int>(line.size()), ""};
}

// %*: the message as the inside of a JSON string with its closing quote and its fields, or as a
// part of a line: a name in it cannot make another line, nor tell a terminal anything.
class EscapedMessage final : public spdlog::custom_flag_formatter {
 public:
  explicit EscapedMessage(LogFormat format) : format_(format) {}
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    std::string text;
    const std::string_view payload(message.payload.data(), message.payload.size());
    const auto end = message.source.line > 0 ? static_cast<size_t>(message.source.line)
                                             : payload.size();  // of what is for people
    if (format_ == LogFormat::kJson) {
      AppendJsonEscaped(payload.substr(0, end), text);
      text += '"';
      if (end < payload.size()) text += ',';
      text += payload.substr(end);
    } else {
      AppendControlEscaped(payload.substr(0, end), text);
    }
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<EscapedMessage>(format_);
  }

 private:
  const LogFormat format_;
};

std::unique_ptr<spdlog::formatter> MakeFormatter(LogFormat format, LogPriorities priorities) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  const std::string before = priorities == LogPriorities::kJournal ? "%&" : "";
  formatter->add_flag<EscapedMessage>('*', format)
      .add_flag<JournalPriority>('&')
      .set_pattern(before + (format == LogFormat::kJson
                                 ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*})"
                                 : "%Y-%m-%dT%H:%M:%S.%e%z %l %*"));
  return formatter;
}

// Standard error, also when it does not block, and what it did not take. spdlog's own sink loses
// the line then, or a part of it, and does not tell.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const LineSink::Outcome outcome = sink_.Write({line.data(), line.size()});
    dropped_.fetch_add(outcome.dropped, std::memory_order_relaxed);
  }
  void flush_() override {}

 private:
  LineSink sink_{"stderr", LineSink::kNoStop};
  Atomic<uint64_t> dropped_{0};
};

// Its thread makes its first allocation before anything else is done: an allocator may take for
// granted that there is memory for a new thread's heap, and the first line may be that there is
// none.
std::shared_ptr<spdlog::details::thread_pool> MakeQueue() {
  absl::Notification ready;
  const auto allocate = [&ready] {
    pthread_setname_np(pthread_self(), "log");
    // Volatile, for a compiler may leave out an allocation that is not used.
    void* (*volatile malloc)(size_t) = &std::malloc;
    std::free(malloc(1));
    ready.Notify();
  };
  auto queue = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1, allocate);
  ready.WaitForNotification();
  return queue;
}

class SpdlogLogger final : public Logger {
 public:
  SpdlogLogger(LogLevel level, LogFormat format, LogPriorities priorities)
      : Logger(level),
        priorities_(priorities),
        takes_fields_(format == LogFormat::kJson),
        sink_(std::make_shared<StderrSink>()),
        queue_(MakeQueue()),
        logger_(std::make_shared<spdlog::async_logger>(
            "sluice", sink_, queue_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(SpdlogLevel(level));
    logger_->set_formatter(MakeFormatter(format, priorities));
  }

  bool takes_fields() const override { return takes_fields_.load(std::memory_order_relaxed); }
  void WriteWithFields(LogLevel level, std::string_view line, std::string_view fields) override {
    std::string all(line);
    all += fields;
    logger_->log(PlaceOf(line), SpdlogLevel(level), spdlog::string_view_t(all.data(), all.size()));
  }

  void Write(LogLevel level, std::string_view line) override {
    logger_->log(SpdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
  }

  // The sink's thread formats, under the sink's lock.
  void Reconfigure(LogLevel level, LogFormat format) override {
    Logger::Reconfigure(level, format);
    logger_->set_level(SpdlogLevel(level));
    sink_->set_formatter(MakeFormatter(format, priorities_));
    takes_fields_.store(format == LogFormat::kJson, std::memory_order_relaxed);
  }

  void SetLevel(LogLevel level) override {
    Logger::SetLevel(level);
    logger_->set_level(SpdlogLevel(level));
  }

  uint64_t dropped() const override { return queue_->overrun_counter() + sink_->dropped(); }

  bool Drain(Duration timeout) override {
    const MonotonicClock clock;
    const Instant until = clock.Now() + timeout;
    logger_->flush();
    while (queue_->queue_size() > 0) {
      if (clock.Now() >= until) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

 private:
  const LogPriorities priorities_;
  Atomic<bool> takes_fields_;
  const std::shared_ptr<StderrSink> sink_;
  const std::shared_ptr<spdlog::details::thread_pool> queue_;
  const std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

std::unique_ptr<Logger> Logger::ToStderr(LogLevel level, LogFormat format,
                                         LogPriorities priorities) {
  return std::make_unique<SpdlogLogger>(level, format, priorities);
}

// A program that was started with another standard error inherits the variable, too.
LogPriorities PrioritiesFor(int descriptor, const char* journal_stream) {
  struct stat found;
  if (journal_stream == nullptr || fstat(descriptor, &found) != 0) return LogPriorities::kNone;
  const bool is_same = absl::StrCat(found.st_dev, ":", found.st_ino) == journal_stream;
  return is_same ? LogPriorities::kJournal : LogPriorities::kNone;
}

}  // namespace sluice::core
