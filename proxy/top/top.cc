#include "proxy/top/top.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/options.h"
#include "proxy/top/asker.h"
#include "proxy/top/model.h"
#include "proxy/top/terminal.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;
constexpr core::Duration kInterval = 2s;
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

// Returns what is wrong.
absl::Status Refresh(const TopAsker& asker, TopModel& model, core::Instant now) {
  absl::StatusOr<JsonValue> info = asker.Ask("GET", "/api/v1/info");
  if (!info.ok()) return info.status();
  absl::StatusOr<JsonValue> list = asker.Ask("GET", model.ListTarget());
  if (!list.ok()) return list.status();
  model.Take(*std::move(info), *std::move(list), now, TimeOfDay());
  return absl::OkStatus();
}

void Run(Terminal& terminal, const TopAsker& asker, TopModel& model) {
  const core::MonotonicClock clock;
  core::Instant next = clock.Now() + kInterval;
  while (!model.is_over()) {
    if (clock.Now() >= next || model.needs_list()) {
      const absl::Status refreshed = Refresh(asker, model, clock.Now());
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
  const TopAsker asker(options);
  TopModel model;
  // Before it takes the terminal: what is wrong stays to be read.
  const core::MonotonicClock clock;
  if (const absl::Status asked = Refresh(asker, model, clock.Now()); !asked.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(asked.message()), "\n")};
  }
  const absl::StatusOr<std::unique_ptr<Terminal>> terminal =
      Terminal::Open(/*with_colours=*/env("NO_COLOR").empty(), "sluice top");
  if (!terminal.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(terminal.status().message()), "\n")};
  }
  Run(**terminal, asker, model);
  return {};
}

}  // namespace sluice::proxy
