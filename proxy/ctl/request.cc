#include "proxy/ctl/request.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"
#include "proxy/admin/http/target.h"
#include "proxy/ctl/views.h"

namespace sluice::proxy {

const std::string_view kCtlCommands =
    "  status               what the process does\n"
    "  listeners            where clients connect, and what they do\n"
    "  upstreams            where connections go\n"
    "  endpoints            the servers of the upstreams\n"
    "  sessions [KEY=VALUE]...\n"
    "                       who is connected: listener=, upstream=, endpoint=, client=, stage=,\n"
    "                       min_age=, min_idle=, min_bytes=; order=age|idle|bytes|bytes_up|\n"
    "                       bytes_down|round_trip, reversed=true, offset=, limit=, paths=true\n"
    "  workers              the threads that move the bytes\n"
    "  metrics              what Prometheus reads\n"
    "  config               the configuration in force\n"
    "  diff                 what a reload would change\n"
    "  ready                exit code 0 if the proxy is ready, 1 if it is not\n"
    "\n"
    "  drain ENDPOINT       no new sessions for UPSTREAM/NAME; wait=drained [timeout=5m] waits\n"
    "  maintenance ENDPOINT the same, and those that it has end as on_removed says\n"
    "  ready ENDPOINT       takes back drain and maintenance\n"
    "  weight ENDPOINT N    0 to 256\n"
    "  reset ENDPOINT       as the file says\n"
    "  add UPSTREAM ADDRESS [name=] [weight=] [priority=] [max_connections=]\n"
    "  remove ENDPOINT      until it is added or reset, or the file drops it and names it again\n"
    "  kill ID              ends a session; kill KEY=VALUE... all that the filter lets pass\n"
    "  shed PERCENT over TIME\n"
    "                       ends a share of all sessions, evenly; shed stop\n"
    "  reload               read the file and put it in force; exit code 1 if that fails\n"
    "  log-level LEVEL      trace, debug, info, warn, error or off, until the next reload of log\n";

namespace {

constexpr core::Duration kPatience = 10s;
constexpr core::Duration kLongPatience = 24h;     // the process answers when it is done
constexpr core::Duration kReloadPatience = 5min;  // the file may be long in coming

// `{}` of a target stands for the next word, `{e}` for UPSTREAM/NAME.
struct Command {
  std::string_view name;
  std::string_view method;
  std::string_view target;
  std::string (*text)(const JsonValue&) = nullptr;
  std::string_view usage = "";  // of its words; "": it takes none
  bool takes_parameters = false;
  core::Duration patience = kPatience;
};

constexpr Command kCommands[] = {
    {"status", "GET", "/api/v1/info", &StatusText},
    {"listeners", "GET", "/api/v1/listeners", &ListenersText},
    {"upstreams", "GET", "/api/v1/upstreams", &UpstreamsText},
    {"endpoints", "GET", "/api/v1/endpoints", &EndpointsText},
    {"sessions", "GET", "/api/v1/sessions", &SessionsText, "[KEY=VALUE]...", true},
    {"workers", "GET", "/api/v1/workers", &WorkersText},
    {"metrics", "GET", "/metrics"},
    {"config", "GET", "/api/v1/config"},
    {"diff", "GET", "/api/v1/config/diff", &DiffText},
    {"ready", "GET", "/readyz"},
    {"ready", "POST", "/api/v1/endpoints/{e}/ready", &EndpointText, "UPSTREAM/NAME"},
    {"drain", "POST", "/api/v1/endpoints/{e}/drain", &EndpointText,
     "UPSTREAM/NAME [wait=drained] [timeout=5m]", true, kLongPatience},
    {"maintenance", "POST", "/api/v1/endpoints/{e}/maintenance", &EndpointText,
     "UPSTREAM/NAME [wait=drained] [timeout=5m]", true, kLongPatience},
    {"weight", "PUT", "/api/v1/endpoints/{e}/weight?weight={}", &EndpointText, "UPSTREAM/NAME N"},
    {"reset", "POST", "/api/v1/endpoints/{e}/reset", &EndpointText, "UPSTREAM/NAME"},
    {"add", "POST", "/api/v1/upstreams/{}/endpoints?address={}", &EndpointText,
     "UPSTREAM ADDRESS [name=] [weight=] [priority=] [max_connections=]", true},
    {"remove", "DELETE", "/api/v1/endpoints/{e}", &EndpointText,
     "UPSTREAM/NAME [wait=drained] [timeout=5m]", true, kLongPatience},
    {"kill", "DELETE", "/api/v1/sessions/{}", &KilledText, "ID, or KEY=VALUE..."},
    {"kill", "DELETE", "/api/v1/sessions", &KilledText, "ID, or KEY=VALUE...", true},
    {"shed stop", "DELETE", "/api/v1/shed", &StoppedText},
    {"shed", "POST", "/api/v1/shed?percent={}&over={}", &ShedText, "PERCENT over TIME, or stop"},
    {"reload", "POST", "/api/v1/reload", &ReloadedText, "", false, kReloadPatience},
    {"log-level", "POST", "/api/v1/log-level?level={}", &LogLevelText, "LEVEL"},
};

size_t WordsOf(std::string_view target) {
  return static_cast<size_t>(std::ranges::count(target, '{'));
}

absl::Status UnknownCommand(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& each : kCommands) names.emplace_back(each.name);
  const std::optional<std::string> nearest = conf::Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no command ", conf::Printable(name),
                   nearest ? absl::StrCat(": did you mean ", *nearest, "?") : ""));
}

// The forms of a command differ in how many words they take; none: it is not known.
const Command* FindCommand(std::string_view name, size_t words, bool has_parameters) {
  const Command* nearest = nullptr;
  for (const Command& each : kCommands) {
    if (each.name != name) continue;
    const bool fits = WordsOf(each.target) == words && (!has_parameters || each.takes_parameters);
    if (fits) return &each;
    if (nearest == nullptr || nearest->usage.empty()) nearest = &each;
  }
  return nearest;
}

absl::Status Misused(const Command& command) {
  return absl::InvalidArgumentError(
      command.usage.empty()
          ? absl::StrCat(std::string(command.name), " takes no argument")
          : absl::StrCat("it is: ", std::string(command.name), " ", std::string(command.usage)));
}

absl::StatusOr<std::string> TargetOf(const Command& command, std::span<const std::string> words) {
  std::string target;
  std::string_view rest = command.target;
  for (const std::string& word : words) {
    const size_t mark = rest.find('{');
    absl::StrAppend(&target, std::string(rest.substr(0, mark)));
    if (rest.substr(mark).starts_with("{e}")) {
      const size_t slash = word.find('/');
      if (slash == std::string::npos || slash == 0 || slash + 1 == word.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat(conf::Printable(word),
                         " is no endpoint: it is named UPSTREAM/NAME, as endpoints shows"));
      }
      absl::StrAppend(&target, PercentEncoded(word.substr(0, slash)), "/",
                      PercentEncoded(word.substr(slash + 1)));
    } else {
      absl::StrAppend(&target, PercentEncoded(word));
    }
    rest = rest.substr(rest.find('}', mark) + 1);
  }
  return absl::StrCat(target, std::string(rest));
}

}  // namespace

absl::StatusOr<CtlRequest> CtlRequestOf(std::vector<std::string> words) {
  std::string name = words[0];
  words.erase(words.begin());
  if (name == "shed" && words.size() == 3 && words[1] == "over") words.erase(words.begin() + 1);
  if (name == "shed" && words == std::vector<std::string>{"stop"}) {
    name = "shed stop";
    words.clear();
  }
  const auto is_parameter = [](const std::string& word) { return word.find('=') != word.npos; };
  const auto first = std::find_if(words.begin(), words.end(), is_parameter);
  const std::vector<std::string> parameters(first, words.end());
  words.erase(first, words.end());
  const Command* const command = FindCommand(name, words.size(), !parameters.empty());
  if (command == nullptr) return UnknownCommand(name);
  const bool fits = WordsOf(command->target) == words.size() &&
                    (parameters.empty() || command->takes_parameters) &&
                    std::ranges::all_of(parameters, is_parameter);
  const bool means_all = name == "kill" && words.empty() && parameters.empty();
  if (!fits || means_all) return Misused(*command);
  absl::StatusOr<std::string> target = TargetOf(*command, words);
  if (!target.ok()) return target.status();
  for (const std::string& each : parameters) {
    const size_t equals = each.find('=');
    absl::StrAppend(&*target, target->find('?') == std::string::npos ? "?" : "&",
                    PercentEncoded(each.substr(0, equals)), "=",
                    PercentEncoded(each.substr(equals + 1)));
  }
  return CtlRequest{.method = command->method,
                    .target = *std::move(target),
                    .text = command->text,
                    .tells_by_code = command->target == "/readyz",
                    .patience = parameters.empty() && command->patience == kLongPatience
                                    ? kPatience
                                    : command->patience};
}

}  // namespace sluice::proxy
