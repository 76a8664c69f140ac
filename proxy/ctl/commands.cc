#include "proxy/ctl/commands.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proxy/ctl/views.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kReloadPatience = 5min;  // the file may be long in coming
constexpr core::Duration kUpgradePatience = 2h;   // upgrade.timeout is at most 1h
constexpr std::string_view kWhich =
    "listener= upstream= endpoint= client= stage= min_age= min_idle= min_bytes=";
constexpr std::string_view kUntilDrained = "wait=drained timeout=";

constexpr CtlCommand kCommands[] = {
    {.name = "status",
     .help = "what the process does",
     .method = "GET",
     .target = "/api/v1/info",
     .text = &StatusText},
    {.name = "listeners",
     .help = "where clients connect, and what they do",
     .method = "GET",
     .target = "/api/v1/listeners",
     .text = &ListenersText},
    {.name = "upstreams",
     .help = "where connections go",
     .method = "GET",
     .target = "/api/v1/upstreams",
     .text = &UpstreamsText},
    {.name = "endpoints",
     .help = "the servers of the upstreams",
     .method = "GET",
     .target = "/api/v1/endpoints",
     .text = &EndpointsText},
    {.name = "sessions",
     .words = "[KEY=VALUE]...",
     .help = "who is connected: listener=, upstream=, endpoint=, client=, stage=,\n"
             "min_age=, min_idle=, min_bytes=; order=age|idle|bytes|bytes_up|\n"
             "bytes_down|round_trip|rate, reversed=true, offset=, limit=, paths=true",
     .method = "GET",
     .target = "/api/v1/sessions",
     .text = &SessionsText,
     .parameters = "listener= upstream= endpoint= client= stage= min_age= min_idle= min_bytes= "
                   "order=age|idle|bytes|bytes_up|bytes_down|round_trip|rate reversed=true offset= "
                   "limit= paths=true"},
    {.name = "workers",
     .help = "the threads that move the bytes",
     .method = "GET",
     .target = "/api/v1/workers",
     .text = &WorkersText},
    {.name = "events",
     .words = "[KEY=VALUE]...",
     .help = "what has happened: limit= the last so many; --follow also what\n"
             "happens from now on",
     .method = "GET",
     .target = "/api/v1/events",
     .text = &EventsText,
     .parameters = "limit="},
    {.name = "tasks",
     .words = "[KEY=VALUE]...",
     .help = "what each task of the process does, with runtime.watch_tasks:\n"
             "name=, order=id|age|busy|queued|longest|polls|wakes|state,\n"
             "reversed=true, limit=",
     .method = "GET",
     .target = "/api/v1/tasks",
     .text = &TasksText,
     .parameters = "name= order=id|age|busy|queued|longest|polls|wakes|state reversed=true limit="},
    {.name = "metrics", .help = "what Prometheus reads", .method = "GET", .target = "/metrics"},
    {.name = "config",
     .help = "the configuration in force",
     .method = "GET",
     .target = "/api/v1/config"},
    {.name = "diff",
     .help = "what a reload would change",
     .method = "GET",
     .target = "/api/v1/config/diff",
     .text = &DiffText},
    {.name = "ready",
     .help = "exit code 0 if the proxy is ready, 1 if it is not",
     .method = "GET",
     .target = "/readyz"},
    {.name = "drain",
     .words = "UPSTREAM/NAME [wait=drained] [timeout=5m]",
     .help = "no new sessions; wait=drained waits until it has none",
     .method = "POST",
     .target = "/api/v1/endpoints/{e}/drain",
     .text = &EndpointText,
     .parameters = kUntilDrained,
     .patience_with_parameters = kLongPatience},
    {.name = "maintenance",
     .words = "UPSTREAM/NAME [wait=drained] [timeout=5m]",
     .help = "the same, and those that it has end as on_removed says",
     .method = "POST",
     .target = "/api/v1/endpoints/{e}/maintenance",
     .text = &EndpointText,
     .parameters = kUntilDrained,
     .patience_with_parameters = kLongPatience},
    {.name = "ready",
     .words = "UPSTREAM/NAME",
     .help = "takes back drain and maintenance",
     .method = "POST",
     .target = "/api/v1/endpoints/{e}/ready",
     .text = &EndpointText},
    {.name = "weight",
     .words = "UPSTREAM/NAME N",
     .help = "0 to 256",
     .method = "PUT",
     .target = "/api/v1/endpoints/{e}/weight?weight={}",
     .text = &EndpointText},
    {.name = "reset",
     .words = "UPSTREAM/NAME",
     .help = "as the file says",
     .method = "POST",
     .target = "/api/v1/endpoints/{e}/reset",
     .text = &EndpointText},
    {.name = "add",
     .words = "UPSTREAM ADDRESS [name=] [weight=] [priority=] [max_connections=]",
     .help = "another server, until it is removed",
     .method = "POST",
     .target = "/api/v1/upstreams/{}/endpoints?address={}",
     .text = &EndpointText,
     .parameters = "name= weight= priority= max_connections="},
    {.name = "remove",
     .words = "UPSTREAM/NAME [wait=drained] [timeout=5m]",
     .help = "until it is added or reset, or the file drops it and names it again",
     .method = "DELETE",
     .target = "/api/v1/endpoints/{e}",
     .text = &EndpointText,
     .parameters = kUntilDrained,
     .patience_with_parameters = kLongPatience},
    {.name = "kill",
     .words = "ID, or KEY=VALUE...",
     .help = "ends a session, or all that the filter lets pass (as sessions)",
     .method = "DELETE",
     .target = "/api/v1/sessions",
     .text = &KilledText,
     .parameters = kWhich},
    {.name = "kill",
     .words = "ID, or KEY=VALUE...",
     .help = "",
     .method = "DELETE",
     .target = "/api/v1/sessions/{}",
     .text = &KilledText},
    {.name = "shed",
     .words = "PERCENT over TIME, or stop",
     .help = "ends a share of all sessions, evenly",
     .method = "POST",
     .target = "/api/v1/shed?percent={}&over={}",
     .text = &ShedText,
     .values = "stop"},
    {.name = "shed stop",
     .help = "",
     .method = "DELETE",
     .target = "/api/v1/shed",
     .text = &StoppedText},
    {.name = "reload",
     .help = "read the file and put it in force; exit code 1 if that fails",
     .method = "POST",
     .target = "/api/v1/reload",
     .text = &ReloadedText,
     .patience = kReloadPatience},
    {.name = "upgrade",
     .help = "hand over to the binary that is at the program's path now; exit\n"
             "code 1, and why, if this process serves on",
     .method = "POST",
     .target = "/api/v1/upgrade",
     .text = &UpgradedText,
     .patience = kUpgradePatience},
    {.name = "shutdown",
     .help = "let sessions finish, and end (as SIGTERM); twice: at once",
     .method = "POST",
     .target = "/api/v1/shutdown",
     .text = &ShutdownText},
    {.name = "log-level",
     .words = "LEVEL",
     .help = "trace, debug, info, warn, error or off, until the next reload of log",
     .method = "POST",
     .target = "/api/v1/log-level?level={}",
     .text = &LogLevelText,
     .values = "trace debug info warn error off"},
};

constexpr CtlOption kOptions[] = {
    {"--admin", "ADDRESS",
     "unix:PATH or http://HOST:PORT; else SLUICE_ADMIN, else\nunix:/run/sluice/admin.sock"},
    {"--token-file", "FILE", "has the token; else SLUICE_ADMIN_TOKEN"},
    {"--config", "FILE", "the process's own, which has both"},
    {"--json", "", "what the API answers, one answer a line"},
    {"--watch", "[=TIME]", "ask again and again, every 2s unless TIME says otherwise"},
    {"--follow", "", "with events: what happens from now on, too"},
    {"--help", "", "print this"},
};

constexpr size_t kIndent = 23;

void AppendEntry(std::string left, std::string_view help, std::string& text) {
  std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(help.data(), help.size()), '\n');
  if (left.size() + 1 > kIndent) {
    absl::StrAppend(&text, left, "\n");
    left.clear();
  }
  for (const std::string& line : lines) {
    left.resize(kIndent, ' ');
    absl::StrAppend(&text, left, line, "\n");
    left.clear();
  }
}

}  // namespace

std::span<const CtlCommand> CtlCommands() { return kCommands; }
std::span<const CtlOption> CtlOptions() { return kOptions; }

std::string CtlHelp() {
  std::string text =
      "usage: sluice ctl [--admin ADDRESS] [--token-file FILE] [--config FILE] [--json]\n"
      "                  [--watch[=TIME]] COMMAND\n"
      "\n";
  bool acts = false;
  for (const CtlCommand& each : kCommands) {
    if (each.help.empty()) continue;  // it is with another form of its name
    if (!acts && each.method != "GET") text += "\n";
    acts = acts || each.method != "GET";
    AppendEntry(absl::StrCat("  ", std::string(each.name), each.words.empty() ? "" : " ",
                             std::string(each.words)),
                each.help, text);
  }
  text += "\n";
  for (const CtlOption& each : kOptions) {
    const bool is_joined = each.value.starts_with('[');
    AppendEntry(absl::StrCat("  ", std::string(each.name),
                             each.value.empty() || is_joined ? "" : " ", std::string(each.value)),
                each.help, text);
  }
  return text;
}

}  // namespace sluice::proxy
