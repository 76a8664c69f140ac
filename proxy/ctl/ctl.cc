#include "proxy/ctl/ctl.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"
#include "core/base/time.h"
#include "proxy/admin/http/target.h"
#include "proxy/admin/token_file.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/views.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;
constexpr core::Duration kPatience = 10s;
constexpr core::Duration kReloadPatience = 5min;  // the file may be long in coming

constexpr std::string_view kUsage =
    "usage: sluice ctl [--admin ADDRESS] [--token-file FILE] [--json] COMMAND\n"
    "\n"
    "  status               what the process does\n"
    "  listeners            where clients connect, and what they do\n"
    "  upstreams            where connections go\n"
    "  endpoints            the servers of the upstreams\n"
    "  workers              the threads that move the bytes\n"
    "  metrics              what Prometheus reads\n"
    "  config               the configuration in force\n"
    "  diff                 what a reload would change\n"
    "  ready                exit code 0 if the proxy is ready, 1 if it is not\n"
    "  reload               read the file and put it in force; exit code 1 if that fails\n"
    "  log-level LEVEL      trace, debug, info, warn, error or off, until the next reload of log\n"
    "\n"
    "  --admin ADDRESS      unix:PATH or http://HOST:PORT; else SLUICE_ADMIN, else\n"
    "                       unix:/run/sluice/admin.sock\n"
    "  --token-file FILE    has the token; else SLUICE_ADMIN_TOKEN\n"
    "  --json               what the API answers\n";

struct Command {
  std::string_view name;
  std::string_view method;
  std::string_view target;
  std::string (*text)(const JsonValue&) = nullptr;  // null: the answer is text already
  std::string_view argument = {};                   // the query that the next word is
};

constexpr Command kCommands[] = {
    {"status", "GET", "/api/v1/info", &StatusText},
    {"listeners", "GET", "/api/v1/listeners", &ListenersText},
    {"upstreams", "GET", "/api/v1/upstreams", &UpstreamsText},
    {"endpoints", "GET", "/api/v1/endpoints", &EndpointsText},
    {"workers", "GET", "/api/v1/workers", &WorkersText},
    {"metrics", "GET", "/metrics"},
    {"config", "GET", "/api/v1/config"},
    {"diff", "GET", "/api/v1/config/diff", &DiffText},
    {"ready", "GET", "/readyz"},
    {"reload", "POST", "/api/v1/reload",
     [](const JsonValue&) { return std::string("the file is in force\n"); }},
    {"log-level", "POST", "/api/v1/log-level",
     [](const JsonValue& answer) {
       return absl::StrCat("the log has level ", answer["log_level"].Line(), "\n");
     },
     "level"},
};

struct Options {
  std::string admin;
  std::string token;
  bool json = false;
  bool help = false;
  std::vector<std::string> words;  // the command and its arguments
};

CtlResult Wrong(std::string_view why) {
  return {.code = kWrong,
          .error = absl::StrCat(std::string(why), why.ends_with('?') ? " " : ". ",
                                "See sluice ctl --help.\n")};
}

// Returns what is wrong, "": nothing.
std::string ReadOptions(const std::vector<std::string>& words, const CtlEnv& env,
                        Options& options) {
  options.admin = env("SLUICE_ADMIN");
  if (options.admin.empty()) options.admin = kDefaultAdmin;
  options.token = env("SLUICE_ADMIN_TOKEN");
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    if (!words[i].starts_with('-')) {
      options.words.push_back(words[i]);
    } else if (words[i] == "--json") {
      options.json = true;
    } else if (words[i] == "--help" || words[i] == "-h") {
      options.help = true;
    } else if (name == "--admin" || name == "--token-file") {
      const bool is_joined = name.size() < words[i].size();
      if (!is_joined && i + 1 == words.size()) return absl::StrCat(name, " needs a value");
      const std::string value = is_joined ? words[i].substr(name.size() + 1) : words[++i];
      if (name == "--admin") {
        options.admin = value;
        continue;
      }
      const absl::StatusOr<std::string> token = ReadToken(value);
      if (!token.ok()) return std::string(token.status().message());
      options.token = *token;
    } else {
      return absl::StrCat("unknown option ", conf::Printable(words[i]));
    }
  }
  // It becomes a line of the request.
  const bool is_clean = std::ranges::all_of(options.token, absl::ascii_isgraph);
  return is_clean ? "" : "a token has no spaces and no control characters";
}

const Command* FindCommand(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kCommands, [name](const Command& each) { return each.name == name; });
  return found == std::end(kCommands) ? nullptr : found;
}

CtlResult UnknownCommand(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& each : kCommands) names.emplace_back(each.name);
  const std::optional<std::string> nearest = conf::Nearest(name, names);
  return Wrong(absl::StrCat("there is no command ", conf::Printable(name),
                            nearest ? absl::StrCat(": did you mean ", *nearest, "?") : ""));
}

// The sentences of an answer that is an error.
std::string ErrorOf(const AdminReply& reply) {
  const std::optional<JsonValue> json = ParseJson(reply.body);
  std::string text;
  if (json) {
    for (const JsonValue& line : (*json)["errors"].items) {
      absl::StrAppend(&text, conf::Printable(line.text), "\n");
    }
    if (text.empty()) text = absl::StrCat(conf::Printable((*json)["error"].text), "\n");
  } else {
    text = absl::StrCat("the proxy answered ", reply.status, "\n");
  }
  if (reply.status == 401) {
    absl::StrAppend(&text, "The token is taken from SLUICE_ADMIN_TOKEN or --token-file.\n");
  }
  return text;
}

CtlResult Show(const Command& command, const Options& options, const AdminReply& reply) {
  if (command.text == nullptr || options.json) return {.output = reply.body};
  const std::optional<JsonValue> json = ParseJson(reply.body);
  if (!json) return {.code = kFailed, .error = "the proxy's answer is no JSON\n"};
  return {.output = command.text(*json)};
}

}  // namespace

CtlResult RunCtl(const std::vector<std::string>& words, const CtlEnv& env) {
  Options options;
  if (const std::string wrong = ReadOptions(words, env, options); !wrong.empty()) {
    return Wrong(wrong);
  }
  if (options.help) return {.output = std::string(kUsage)};
  if (options.words.empty()) return Wrong("a command is needed, such as status");
  // "config diff" is the path of the API.
  if (options.words.size() == 2 && options.words[0] == "config" && options.words[1] == "diff") {
    options.words = {"diff"};
  }
  const Command* const command = FindCommand(options.words[0]);
  if (command == nullptr) return UnknownCommand(options.words[0]);
  const size_t arguments = command->argument.empty() ? 0 : 1;
  if (options.words.size() != 1 + arguments) {
    return Wrong(absl::StrCat(options.words[0],
                              arguments == 0 ? " takes no argument" : " takes one argument"));
  }
  std::string target(command->target);
  if (arguments == 1) {
    absl::StrAppend(&target, "?", std::string(command->argument), "=",
                    PercentEncoded(options.words[1]));
  }
  const core::Duration patience = command->name == "reload" ? kReloadPatience : kPatience;
  const absl::StatusOr<AdminReply> reply =
      AskAdmin(options.admin, command->method, target, options.token, patience);
  if (!reply.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(reply.status().message()), "\n")};
  }
  if (reply->status == 200) return Show(*command, options, *reply);
  if (command->name == "ready" && reply->status == 503) {
    return {.code = kFailed, .output = reply->body};
  }
  return {.code = kFailed, .output = options.json ? reply->body : "", .error = ErrorOf(*reply)};
}

}  // namespace sluice::proxy
