#include "proxy/top/tasks.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/top/asker.h"
#include "proxy/top/tasks_model.h"
#include "proxy/top/view.h"

namespace sluice::proxy {
namespace {

constexpr char kHelp[] =
    "usage: sluice tasks [--admin ADDRESS] [--token-file FILE] [--config FILE]\n"
    "\n"
    "Shows what each task of a running process does, every second: first the one that has kept "
    "its\n"
    "worker longest. The process is a proxy with runtime.watch_tasks: true, or any program with a\n"
    "console of its own (core/console). Enter tells more of a task, 2 shows what tasks wait for\n"
    "together and who holds it, 3 how long their runs take, and ? the other keys.\n"
    "\n"
    "  --admin ADDRESS      unix:PATH, unix:@name or http://HOST:PORT; else SLUICE_ADMIN, else\n"
    "                       unix:/run/sluice/admin.sock\n"
    "  --token-file FILE    has the token; else SLUICE_ADMIN_TOKEN is it\n"
    "  --config FILE        the process's own, which has both\n"
    "\n"
    "NO_COLOR in the environment turns colours off. For scripts there is sluice ctl --json "
    "tasks.\n";

// Returns what is wrong.
absl::Status Refresh(const TopAsker& asker, TasksModel& model, core::Instant now) {
  absl::StatusOr<JsonValue> list = asker.Ask("GET", model.Target());
  if (!list.ok()) return list.status();
  model.Take(*std::move(list), now, TimeOfDay());
  return absl::OkStatus();
}

// Nothing is done, so there is nothing to show at once.
bool OnKey(const TopAsker& /*asker*/, TasksModel& model, TopKey key) {
  model.OnKey(key);
  return false;
}

}  // namespace

CtlResult RunTasks(const std::vector<std::string>& words, const CtlEnv& env) {
  return RunView<TasksModel>({.name = "sluice tasks", .help = kHelp, .interval = 1s}, words, env,
                             Refresh, OnKey);
}

}  // namespace sluice::proxy
