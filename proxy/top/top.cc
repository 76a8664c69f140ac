#include "proxy/top/top.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "conf/text/text.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/options.h"
#include "proxy/top/model.h"
#include "proxy/top/terminal.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;
constexpr core::Duration kInterval = 2s;
// A key waits for an answer: short, but longer than an answer of a busy host takes.
constexpr core::Duration kPatience = 1500ms;
constexpr core::Duration kActPatience = 10s;

constexpr char kHelp[] =
    "usage: sluice top [--admin ADDRESS] [--token-file FILE]\n"
    "\n"
    "Shows what a running process does, every two seconds. The arrow keys choose, Enter leads from "
    "a\n"
    "listener to its upstreams, endpoints and sessions, and ? tells the other keys: d drains an\n"
    "endpoint, x kills a session; both ask first.\n"
    "\n"
    "  --admin ADDRESS      unix:PATH, unix:@name or http://HOST:PORT; else SLUICE_ADMIN, else\n"
    "                       unix:/run/sluice/admin.sock\n"
    "  --token-file FILE    has the token; else SLUICE_ADMIN_TOKEN is it\n"
    "\n"
    "NO_COLOR in the environment turns colours off.\n";

class Asker {
 public:
  explicit Asker(const CtlSettings& options) : options_(options) {}

  absl::StatusOr<JsonValue> Ask(std::string_view method, const std::string& target,
                                core::Duration patience) const {
    const absl::StatusOr<AdminReply> reply =
        AskAdmin(options_.admin, method, target, options_.token, patience);
    if (!reply.ok()) return reply.status();
    std::optional<JsonValue> json = ParseJson(reply->body);
    if (reply->status == 200 && json) return *std::move(json);
    const std::string why = json ? (*json)["error"].text : "";
    return absl::UnavailableError(why.empty() ? absl::StrCat("the proxy answered ", reply->status)
                                              : conf::Printable(why));
  }

  // Returns what is wrong.
  absl::Status Refresh(TopModel& model, core::Instant now) const {
    absl::StatusOr<JsonValue> info = Ask("GET", "/api/v1/info", kPatience);
    if (!info.ok()) return info.status();
    absl::StatusOr<JsonValue> list = Ask("GET", model.ListTarget(), kPatience);
    if (!list.ok()) return list.status();
    model.Take(*std::move(info), *std::move(list), now,
               absl::FormatTime("%H:%M:%S", absl::Now(), absl::LocalTimeZone()));
    return absl::OkStatus();
  }

 private:
  const CtlSettings& options_;
};

void Run(Terminal& terminal, const Asker& asker, TopModel& model) {
  const core::MonotonicClock clock;
  core::Instant next = clock.Now() + kInterval;
  while (!model.is_over()) {
    if (clock.Now() >= next || model.needs_list()) {
      const absl::Status refreshed = asker.Refresh(model, clock.Now());
      if (!refreshed.ok()) model.TakeTrouble(std::string(refreshed.message()));
      next = clock.Now() + kInterval;
    }
    model.SetSize(terminal.size());
    terminal.Show(model.Draw());
    const std::optional<TopRequest> request = model.OnKey(terminal.Read(next - clock.Now()));
    if (!request) continue;
    const absl::StatusOr<JsonValue> done =
        asker.Ask(request->method, request->target, kActPatience);
    if (done.ok()) {
      model.Say(request->done, TopLook::kGood);
    } else {
      model.Say(std::string(done.status().message()), TopLook::kBad);
    }
    next = clock.Now();
  }
}

}  // namespace

CtlResult RunTop(const std::vector<std::string>& words, const CtlEnv& env) {
  CtlSettings options;
  std::string wrong = ReadCtlOptions(words, env, options);
  if (options.help && wrong.empty()) return {.output = kHelp};
  const bool has_others = options.json || options.follow || options.watch || !options.words.empty();
  if (wrong.empty() && has_others) wrong = "it takes --admin and --token-file alone";
  if (!wrong.empty()) {
    return {.code = kWrong, .error = absl::StrCat(wrong, ". See sluice top --help.\n")};
  }
  const Asker asker(options);
  TopModel model;
  // Before it takes the terminal: what is wrong stays to be read.
  const core::MonotonicClock clock;
  if (const absl::Status asked = asker.Refresh(model, clock.Now()); !asked.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(asked.message()), "\n")};
  }
  const absl::StatusOr<std::unique_ptr<Terminal>> terminal =
      Terminal::Open(/*with_colours=*/env("NO_COLOR").empty());
  if (!terminal.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(terminal.status().message()), "\n")};
  }
  Run(**terminal, asker, model);
  return {};
}

}  // namespace sluice::proxy
