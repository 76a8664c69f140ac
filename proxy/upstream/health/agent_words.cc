#include "proxy/upstream/health/agent_words.h"

#include <algorithm>
#include <initializer_list>

namespace sluice::proxy {
namespace {

constexpr std::string_view kBetween = " \t,";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsSame(std::string_view word, std::string_view lower) {
  return std::ranges::equal(word, lower, {}, Lower);
}

// Decimal digits; what is above `most` is one more.
std::optional<uint32_t> NumberOf(std::string_view text, uint32_t most) {
  if (text.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = std::min<uint64_t>(number * 10 + static_cast<uint64_t>(c - '0'), uint64_t{most} + 1);
  }
  return static_cast<uint32_t>(number);
}

bool TakeOneOf(std::string_view word, std::initializer_list<std::string_view> words,
               std::string_view& field) {
  for (const std::string_view each : words) {
    if (!IsSame(word, each)) continue;
    field = each;
    return true;
  }
  return false;
}

// "NAME:N" with at most `most`.
std::optional<uint32_t> ValueOf(std::string_view word, std::string_view name, uint32_t most) {
  if (word.size() <= name.size() || !IsSame(word.substr(0, name.size()), name)) return std::nullopt;
  const std::optional<uint32_t> value = NumberOf(word.substr(name.size()), most);
  return value && *value <= most ? value : std::nullopt;
}

bool TakeWord(std::string_view word, AgentReport& report) {
  if (TakeOneOf(word, {"up", "down", "fail", "stopped"}, report.operation)) return true;
  if (TakeOneOf(word, {"ready", "drain", "maint"}, report.wish)) return true;
  if (const auto most = ValueOf(word, "maxconn:", AgentReport::kMostConnections)) {
    report.max_connections = most;
    return true;
  }
  if (const auto weight = ValueOf(word, "weight:", AgentReport::kMostWeight)) {
    report.weight = weight;
    report.percent.reset();
    return true;
  }
  if (!word.ends_with('%')) return false;
  const auto percent = NumberOf(word.substr(0, word.size() - 1), AgentReport::kMostPercent);
  if (!percent) return false;
  report.percent = std::min(*percent, AgentReport::kMostPercent);
  report.weight.reset();
  return true;
}

}  // namespace

AgentReport ReadAgentWords(std::string_view line) {
  AgentReport report;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(kBetween), line.size()));
    if (line.empty()) return report;
    if (line.front() == '#') {
      line.remove_prefix(1);
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
      report.why = line;
      return report;
    }
    const std::string_view word = line.substr(0, line.find_first_of(kBetween));
    line.remove_prefix(word.size());
    if (!TakeWord(word, report) && report.unknown.empty()) report.unknown = word;
  }
}

AgentLine::State AgentLine::Take(std::string_view bytes) {
  for (const char c : bytes) {
    if (state_ != State::kMore) break;
    if (c == '\r' || c == '\n') {
      state_ = State::kDone;
    } else if (text_.size() == kLongest) {
      state_ = State::kTooLong;
    } else {
      text_ += c;
    }
  }
  return state_;
}

AgentLine::State AgentLine::End() {
  if (state_ == State::kMore && !text_.empty()) state_ = State::kDone;
  return state_;
}

}  // namespace sluice::proxy
