#include "proxy/ctl/watch.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/clock.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/views.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr core::Duration kFollowWait = 30s;      // for the next event, in one question
constexpr core::Duration kFollowPatience = 45s;  // for its answer
constexpr core::Duration kFollowPause = 100ms;   // after a question without an answer
constexpr core::Duration kFollowTrouble = 5s;    // that this may last

constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearRestOfLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

// Returns false if it is read no more.
bool Print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(STDOUT_FILENO, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    text.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

void Pause(core::Duration time) {
  timespec left = {.tv_sec = time / 1s, .tv_nsec = (time % 1s).count()};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// The first characters, of which UTF-8 may have several bytes each.
std::string_view FirstCharacters(std::string_view line, size_t count) {
  size_t end = 0;
  for (; end < line.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(line[end]) & 0xC0) != 0x80;
    if (begins && count-- == 0) break;
  }
  return line.substr(0, end);
}

std::string OnTerminal(const CtlResult& result, std::string_view title) {
  winsize size = {};
  (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  const size_t rows = size.ws_row == 0 ? 24 : size.ws_row;
  const size_t columns = size.ws_col == 0 ? 80 : size.ws_col;
  const std::string text = absl::StrCat(std::string(title), "\n\n",
                                        result.output.empty() ? result.error : result.output);
  return Redraw(text, rows, columns);
}

// What one answer says, and how to ask for what comes after it.
struct Answered {
  std::string output = {};
  std::string next = {};
  std::string error = {};
};

Answered Read(const AdminReply& reply, bool as_json) {
  const std::optional<JsonValue> json = ParseJson(reply.body);
  if (reply.status != 200) {
    return {.error = json ? (*json)["error"].Line() : absl::StrCat("status ", reply.status)};
  }
  if (!json) return {.error = "the proxy's answer is no JSON"};
  const bool has_news = !(*json)["events"].items.empty() || (*json)["lost"].number > 0;
  Answered answered;
  answered.output = as_json ? (has_news ? reply.body : "") : EventsText(*json);
  answered.next = absl::StrCat("/api/v1/events?after=", (*json)["last"].Line(),
                               "&run=", (*json)["run"].Line(), "&wait=", kFollowWait / 1s, "s");
  return answered;
}

}  // namespace

std::string Redraw(std::string_view text, size_t rows, size_t columns) {
  std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  if (lines.back().empty()) lines.pop_back();
  // The cursor rests on the last row.
  const size_t most = std::max<size_t>(rows, 2) - 1;
  if (lines.size() > most) {
    const size_t hidden = lines.size() - most + 1;
    lines.resize(most);
    lines.back() = absl::StrCat("and ", hidden, " lines more");
  }
  std::string drawn(kHome);
  for (const std::string& line : lines) {
    absl::StrAppend(&drawn, std::string(FirstCharacters(line, columns)),
                    std::string(kClearRestOfLine), "\n");
  }
  return drawn.append(kClearBelow);
}

CtlResult Watch(const std::function<CtlResult()>& ask, core::Duration interval,
                std::string_view title) {
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  const core::MonotonicClock clock;
  core::Instant next = clock.Now();
  for (bool is_first = true;; is_first = false) {
    CtlResult result = ask();
    if (result.code != 0 && !is_terminal) return result;
    std::string text;
    if (is_terminal) {
      text = OnTerminal(result, title);
    } else {
      const bool is_table = !result.output.starts_with('{') && !result.output.starts_with('[');
      text = is_table && !is_first ? absl::StrCat("\n", result.output) : result.output;
    }
    if (!Print(text)) return {.code = kFailed};
    // From start to start, but never at once again.
    next = std::max(next + interval, clock.Now() + interval / 4);
    Pause(next - clock.Now());
  }
}

CtlResult FollowEvents(const CtlAsk& ask, const std::string& target, bool as_json) {
  const core::MonotonicClock clock;
  std::string next = target;
  std::optional<core::Instant> in_trouble_since;
  for (;;) {
    const absl::StatusOr<AdminReply> reply = ask(next, kFollowPatience);
    // A process that ends says 503, and the next one may not be there yet.
    if (!reply.ok() || reply->status == 503) {
      const core::Instant now = clock.Now();
      const bool is_new = next == target;  // nothing has been answered so far
      if (!in_trouble_since) in_trouble_since = now;
      if (is_new || now - *in_trouble_since >= kFollowTrouble) {
        const std::string why =
            reply.ok() ? Read(*reply, as_json).error : std::string(reply.status().message());
        return {.code = kFailed, .error = absl::StrCat(why, "\n")};
      }
      Pause(kFollowPause);
      continue;
    }
    in_trouble_since.reset();
    Answered answered = Read(*reply, as_json);
    if (!answered.error.empty()) {
      return {.code = kFailed, .error = absl::StrCat(answered.error, "\n")};
    }
    if (!Print(answered.output)) return {.code = kFailed};
    next = std::move(answered.next);
  }
}

}  // namespace sluice::proxy
