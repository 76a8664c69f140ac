#include "proxy/ctl/ctl.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "conf/text/text.h"
#include "conf/text/units.h"
#include "core/base/time.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/token_file.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/request.h"
#include "proxy/ctl/watch.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;

constexpr core::Duration kShortestInterval = 100ms;
constexpr core::Duration kLongestInterval = 24h;

struct Options {
  std::string admin;
  std::string token;
  bool json = false;
  bool help = false;
  bool follow = false;
  std::optional<core::Duration> watch = std::nullopt;
  std::vector<std::string> words;  // the command and its arguments
};

CtlResult Wrong(std::string_view why) {
  return {.code = kWrong,
          .error = absl::StrCat(std::string(why), why.ends_with('?') ? " " : ". ",
                                "See sluice ctl --help.\n")};
}

// Options that need a value; `value` is the next word where it is not joined to the name. Returns
// what is wrong, "": nothing.
std::string ReadValue(std::string_view name, const std::string& value, Options& options) {
  if (name == "--admin") {
    options.admin = value;
    return "";
  }
  const absl::StatusOr<std::string> token = ReadToken(value);
  if (!token.ok()) return std::string(token.status().message());
  options.token = *token;
  return "";
}

std::string ReadWatch(std::string_view word, Options& options) {
  options.watch = kWatchInterval;
  const size_t equals = word.find('=');
  if (equals == word.npos) return "";
  const absl::StatusOr<core::Duration> time = conf::ParseDuration(word.substr(equals + 1));
  if (!time.ok() || *time < kShortestInterval || *time > kLongestInterval) {
    return "--watch takes a time from 100ms to 1d, such as --watch=5s";
  }
  options.watch = *time;
  return "";
}

// Returns what is wrong, "": nothing.
std::string ReadOptions(const std::vector<std::string>& words, const CtlEnv& env,
                        Options& options) {
  options.admin = env("SLUICE_ADMIN");
  if (options.admin.empty()) options.admin = kDefaultAdmin;
  options.token = env("SLUICE_ADMIN_TOKEN");
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    std::string wrong;
    if (!words[i].starts_with('-')) {
      options.words.push_back(words[i]);
    } else if (words[i] == "--json") {
      options.json = true;
    } else if (words[i] == "--follow" || words[i] == "-f") {
      options.follow = true;
    } else if (words[i] == "--help" || words[i] == "-h") {
      options.help = true;
    } else if (name == "--watch") {
      wrong = ReadWatch(words[i], options);
    } else if (name == "--admin" || name == "--token-file") {
      const bool is_joined = name.size() < words[i].size();
      if (!is_joined && i + 1 == words.size()) return absl::StrCat(name, " needs a value");
      const std::string value = is_joined ? words[i].substr(name.size() + 1) : words[++i];
      wrong = ReadValue(name, value, options);
    } else {
      return absl::StrCat("unknown option ", conf::Printable(words[i]));
    }
    if (!wrong.empty()) return wrong;
  }
  // It becomes a line of the request.
  const bool is_clean = std::ranges::all_of(options.token, absl::ascii_isgraph);
  return is_clean ? "" : "a token has no spaces and no control characters";
}

std::string ErrorJson(std::string_view why) {
  JsonWriter json;
  json.BeginObject();
  json.Field("error", why);
  json.EndObject();
  return std::move(json).Finish();
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

// An answer that is text, for programs.
std::string AsJson(const CtlRequest& request, const AdminReply& reply) {
  if (request.text != nullptr) return reply.body;
  JsonWriter json;
  json.BeginObject();
  if (request.tells_by_code) json.Field("ready", reply.status == 200);
  json.Field("text", reply.body);
  json.EndObject();
  return std::move(json).Finish();
}

CtlResult Show(const CtlRequest& request, const Options& options, const AdminReply& reply) {
  if (options.json) return {.output = AsJson(request, reply)};
  if (request.text == nullptr) return {.output = reply.body};
  const std::optional<JsonValue> json = ParseJson(reply.body);
  if (!json) return {.code = kFailed, .error = "the proxy's answer is no JSON\n"};
  return {.output = request.text(*json)};
}

CtlResult AskOnce(const CtlRequest& request, const Options& options) {
  const absl::StatusOr<AdminReply> reply =
      AskAdmin(options.admin, request.method, request.target, options.token, request.patience);
  if (!reply.ok()) {
    const std::string why(reply.status().message());
    return {.code = kFailed,
            .output = options.json ? ErrorJson(why) : "",
            .error = absl::StrCat(why, "\n")};
  }
  if (reply->status == 200) return Show(request, options, *reply);
  if (request.tells_by_code && reply->status == 503) {
    return {.code = kFailed, .output = options.json ? AsJson(request, *reply) : reply->body};
  }
  return {.code = kFailed, .output = options.json ? reply->body : "", .error = ErrorOf(*reply)};
}

// Returns what is wrong, "": nothing.
std::string_view Misfits(const CtlRequest& request, const Options& options) {
  if (options.follow && options.watch) return "--follow and --watch: one of them is enough";
  if (options.follow && request.command != "events") return "--follow goes with events alone";
  if (options.watch && request.method != "GET") {
    return "--watch goes with what is only read, such as sessions";
  }
  if (options.watch && request.command == "events") return "events are followed: --follow";
  return "";
}

}  // namespace

CtlResult RunCtl(const std::vector<std::string>& words, const CtlEnv& env) {
  Options options;
  if (const std::string wrong = ReadOptions(words, env, options); !wrong.empty()) {
    return Wrong(wrong);
  }
  if (options.help) return {.output = CtlHelp()};
  if (options.words.empty()) return Wrong("a command is needed, such as status");
  // "config diff" is the path of the API.
  if (options.words.size() == 2 && options.words[0] == "config" && options.words[1] == "diff") {
    options.words = {"diff"};
  }
  const absl::StatusOr<CtlRequest> request = CtlRequestOf(options.words);
  if (!request.ok()) return Wrong(std::string(request.status().message()));
  if (const std::string_view wrong = Misfits(*request, options); !wrong.empty()) {
    return Wrong(wrong);
  }
  if (options.follow) {
    const CtlAsk ask = [&](const std::string& target, core::Duration patience) {
      return AskAdmin(options.admin, request->method, target, options.token, patience);
    };
    return FollowEvents(ask, request->target, options.json);
  }
  if (!options.watch) return AskOnce(*request, options);
  const std::string title = absl::StrCat(
      "sluice ctl ", absl::StrJoin(options.words, " "), ", every ",
      absl::StrFormat("%g", std::chrono::duration<double>(*options.watch).count()), " s");
  return Watch([&] { return AskOnce(*request, options); }, *options.watch, title);
}

}  // namespace sluice::proxy
