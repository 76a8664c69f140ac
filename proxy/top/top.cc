#include "proxy/top/top.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/top/asker.h"
#include "proxy/top/model.h"
#include "proxy/top/view.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kActPatience = 10s;

constexpr char kHelp[] =
    "usage: sluice top [--admin ADDRESS] [--token-file FILE] [--config FILE]\n"
    "\n"
    "Shows what a running process does, every two seconds. The arrow keys choose, Enter leads from "
    "a\n"
    "listener to its upstreams, endpoints and sessions, and ? tells the other keys: d drains an\n"
    "endpoint, x kills a session; both ask first.\n"
    "\n"
    "  --admin ADDRESS      unix:PATH, unix:@name or http://HOST:PORT; else SLUICE_ADMIN, else\n"
    "                       unix:/run/sluice/admin.sock\n"
    "  --token-file FILE    has the token; else SLUICE_ADMIN_TOKEN is it\n"
    "  --config FILE        the process's own, which has both\n"
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

// Returns whether something was done, which then shows.
bool OnKey(const TopAsker& asker, TopModel& model, TopKey key) {
  const std::optional<TopRequest> request = model.OnKey(key);
  if (!request) return false;
  const absl::StatusOr<JsonValue> done = asker.Ask(request->method, request->target, kActPatience);
  if (done.ok()) {
    model.Say(request->done, TopLook::kGood);
  } else {
    model.Say(std::string(done.status().message()), TopLook::kBad);
  }
  return true;
}

}  // namespace

CtlResult RunTop(const std::vector<std::string>& words, const CtlEnv& env) {
  return RunView<TopModel>({.name = "sluice top", .help = kHelp, .interval = 2s}, words, env,
                           Refresh, OnKey);
}

}  // namespace sluice::proxy
