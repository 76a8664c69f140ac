#include "proxy/top/tasks.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/options.h"
#include "proxy/top/asker.h"
#include "proxy/top/tasks_model.h"
#include "proxy/top/terminal.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;
constexpr core::Duration kInterval = 1s;

constexpr char kHelp[] =
    "usage: sluice tasks [--admin ADDRESS] [--token-file FILE]\n"
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

void Run(Terminal& terminal, const TopAsker& asker, TasksModel& model) {
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
    model.OnKey(terminal.Read(next - clock.Now()));
  }
}

}  // namespace

CtlResult RunTasks(const std::vector<std::string>& words, const CtlEnv& env) {
  CtlSettings options;
  std::string wrong = ReadCtlOptions(words, env, options);
  if (options.help && wrong.empty()) return {.output = kHelp};
  const bool has_others = options.json || options.follow || options.watch || !options.words.empty();
  if (wrong.empty() && has_others) wrong = "it takes --admin and --token-file alone";
  if (!wrong.empty()) {
    return {.code = kWrong, .error = absl::StrCat(wrong, ". See sluice tasks --help.\n")};
  }
  const TopAsker asker(options);
  TasksModel model;
  // Before it takes the terminal: what is wrong stays to be read.
  const core::MonotonicClock clock;
  if (const absl::Status asked = Refresh(asker, model, clock.Now()); !asked.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(asked.message()), "\n")};
  }
  const absl::StatusOr<std::unique_ptr<Terminal>> terminal =
      Terminal::Open(/*with_colours=*/env("NO_COLOR").empty(), "sluice tasks");
  if (!terminal.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(terminal.status().message()), "\n")};
  }
  Run(**terminal, asker, model);
  return {};
}

}  // namespace sluice::proxy
