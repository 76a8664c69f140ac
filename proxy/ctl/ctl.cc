#include "proxy/ctl/ctl.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"
#include "proxy/admin/token_file.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/request.h"
#include "proxy/ctl/views.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;

constexpr std::string_view kUsage =
    "usage: sluice ctl [--admin ADDRESS] [--token-file FILE] [--json] COMMAND\n"
    "\n";
constexpr std::string_view kOptions =
    "\n"
    "  --admin ADDRESS      unix:PATH or http://HOST:PORT; else SLUICE_ADMIN, else\n"
    "                       unix:/run/sluice/admin.sock\n"
    "  --token-file FILE    has the token; else SLUICE_ADMIN_TOKEN\n"
    "  --json               what the API answers\n";

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

CtlResult Show(const CtlRequest& command, const Options& options, const AdminReply& reply) {
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
  if (options.help)
    return {.output = absl::StrCat(std::string(kUsage), std::string(kCtlCommands),
                                   std::string(kOptions))};
  if (options.words.empty()) return Wrong("a command is needed, such as status");
  // "config diff" is the path of the API.
  if (options.words.size() == 2 && options.words[0] == "config" && options.words[1] == "diff") {
    options.words = {"diff"};
  }
  const absl::StatusOr<CtlRequest> request = CtlRequestOf(options.words);
  if (!request.ok()) return Wrong(std::string(request.status().message()));
  const absl::StatusOr<AdminReply> reply =
      AskAdmin(options.admin, request->method, request->target, options.token, request->patience);
  if (!reply.ok()) {
    return {.code = kFailed, .error = absl::StrCat(std::string(reply.status().message()), "\n")};
  }
  if (reply->status == 200) return Show(*request, options, *reply);
  if (request->tells_by_code && reply->status == 503) {
    return {.code = kFailed, .output = reply->body};
  }
  return {.code = kFailed, .output = options.json ? reply->body : "", .error = ErrorOf(*reply)};
}

}  // namespace sluice::proxy
