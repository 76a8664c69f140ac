#include "tests/sim/record_checker.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::sim {
namespace {

using core::Duration;

// The value of `key` in a line of JSON without nesting, without quotes; empty: there is none.
std::string Value(std::string_view line, std::string_view key) {
  const std::string before = '"' + std::string(key) + "\":";
  const size_t at = line.find(before);
  if (at == std::string_view::npos) return "";
  line.remove_prefix(at + before.size());
  const bool quoted = line.starts_with('"');
  if (quoted) line.remove_prefix(1);
  return std::string(line.substr(0, line.find_first_of(quoted ? "\"" : ",}")));
}

// None: null.
std::optional<Duration> Millis(std::string_view line, std::string_view key) {
  const std::string value = Value(line, key);
  if (value == "null") return std::nullopt;
  return Duration(std::llround(std::strtod(value.c_str(), nullptr) * 1e6));
}

// Of such as 2026-11-20T22:32:15.463987Z; the beginning of 1970 for anything else.
WallClock::Time TimeOf(const std::string& text) {
  std::tm day = {};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &day);
  if (rest == nullptr || *rest != '.') return {};
  return WallClock::Time(timegm(&day) * 1s + std::atoi(rest + 1) * 1us);
}

}  // namespace

RecordChecker::RecordChecker(Trace& trace, core::Logger& logger)
    : trace_(trace), file_(memfd_create("records", MFD_CLOEXEC)) {
  SLUICE_CHECK(file_ >= 0);
  auto log = proxy::AccessLog::Open({.path = absl::StrCat("/proc/self/fd/", file_),
                                     .format = proxy::AccessLogSettings::Format::kJson},
                                    clock_, logger);
  SLUICE_CHECK(log.ok());
  log_ = *std::move(log);
}

RecordChecker::~RecordChecker() {
  log_.reset();
  close(file_);
}

void RecordChecker::CheckEnd(std::deque<Session>& sessions) {
  SLUICE_CHECK(log_->Drain(10s));
  if (log_->dropped() != 0) trace_.Fail("%d records were dropped", log_->dropped());
  std::string text(static_cast<size_t>(lseek(file_, 0, SEEK_END)), '\0');
  SLUICE_CHECK(pread(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) trace_.Fail("the last record is cut: %s", rest);
    CheckRecord(sessions, rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  for (const Session& session : sessions) {
    if (!session.ended || session.recorded) continue;
    trace_.Fail("session %d has no record", session.id);
  }
}

void RecordChecker::CheckRecord(std::deque<Session>& sessions, std::string_view line) {
  Session* const found = SessionOfClient(sessions, Value(line, "client"));
  SLUICE_CHECK(found != nullptr);
  Session& session = *found;
  if (!session.ended || std::exchange(session.recorded, true)) {
    trace_.Fail("a record too many: %s", line);
  }
  const uint64_t up = session.far == nullptr ? 0 : session.far->total_written;
  const uint64_t down = session.far == nullptr ? 0 : session.near->total_written;
  if (Value(line, "reason") != session.reason || Value(line, "by") != session.by ||
      Value(line, "attempts") != absl::StrCat(session.attempts) ||
      Value(line, "bytes_up") != absl::StrCat(up) ||
      Value(line, "bytes_down") != absl::StrCat(down)) {
    trace_.Fail("session %d: %s by %s, %d attempts, %d up, %d down, but: %s", session.id,
                session.reason, session.by, session.attempts, up, down, line);
  }
  CheckError(session, Value(line, "error"));
  const Duration total = Millis(line, "total_ms").value_or(-1ns);
  const Duration lasted = *session.ended - *session.began;
  const Duration most = *session.ended - *session.began_from;
  if (total < lasted - kTolerance || total > most + kTolerance) {
    trace_.Fail("session %d has lasted %d us, but: %s", session.id, lasted / 1us, line);
  }
  const std::optional<Duration> queue = Millis(line, "queue_ms");
  const std::optional<Duration> connect = Millis(line, "connect_ms");
  const std::optional<Duration> first_byte = Millis(line, "first_byte_ms");
  // Every worker looks at the clock once a round, so two of them differ a little: what happens at
  // once on another worker than the one before may seem to have happened earlier, or not at all.
  const bool relayed = session.relaying.has_value();
  const bool at_once = relayed && *session.relaying <= *session.began + kTolerance;
  const std::optional<Duration> latest = std::max({queue, connect, first_byte});
  const bool in_order = latest <= total + kTolerance &&
                        (!first_byte || connect <= *first_byte + kTolerance) &&
                        (!first_byte || relayed);
  const bool lacks = (relayed && !connect) || (down > 0 && !first_byte);
  if (!in_order || (lacks && !at_once)) {
    trace_.Fail("session %d: times out of order: %s", session.id, line);
  }
  const WallClock::Time began = TimeOf(Value(line, "time"));
  if (std::chrono::abs(began - (session.wall_end - total)) > kTolerance) {
    trace_.Fail("session %d ended at %d us of the day's time, after %d us, but: %s", session.id,
                session.wall_end.time_since_epoch() / 1us, lasted / 1us, line);
  }
}

// It is that of the side which the reason names. After an end of stream the kernel is asked for it,
// and may have told it to an op that is cancelled: then it is that of a reset.
void RecordChecker::CheckError(const Session& session, const std::string& error) {
  if (session.reason != "reset" || session.far == nullptr) return;
  const Socket& side = session.by == "client" ? *session.near : *session.far;
  const bool may_be_lost = session.near->fin_arrived || session.far->fin_arrived;
  const bool is_true =
      side.broke_with == ETIMEDOUT ? error != "ECONNRESET" || may_be_lost : error != "ETIMEDOUT";
  if (is_true) return;
  trace_.Fail("session %d: the %s broke with %d, but the record says %s", session.id, session.by,
              side.broke_with, error);
}

}  // namespace sluice::sim
