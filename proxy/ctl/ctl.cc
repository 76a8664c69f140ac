#include "proxy/ctl/ctl.h"

#include <chrono>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "conf/text/text.h"
#include "core/base/time.h"
#include "proxy/admin/json_writer.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/commands.h"
#include "proxy/ctl/find_process.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/options.h"
#include "proxy/ctl/request.h"
#include "proxy/ctl/watch.h"

namespace sluice::proxy {
namespace {

constexpr int kFailed = 1;
constexpr int kWrong = 2;

CtlResult Wrong(std::string_view why) {
  return {.code = kWrong,
          .error = absl::StrCat(std::string(why), why.ends_with('?') ? " " : ". ",
                                "See sluice ctl --help.\n")};
}

std::string ErrorJson(std::string_view why) {
  JsonWriter json;
  json.BeginObject();
  json.Field("error", why);
  json.EndObject();
  return std::move(json).Finish();
}

CtlResult Failed(const absl::Status& status, const CtlSettings& options) {
  const std::string why(status.message());
  return {.code = kFailed,
          .output = options.json ? ErrorJson(why) : "",
          .error = absl::StrCat(why, "\n")};
}

// The sentence of an answer that is one error.
std::string OneErrorOf(const JsonValue& json, int status) {
  if (!json["error"].text.empty()) return conf::Printable(json["error"].text);
  // The act is done: no more is wrong than that the wait for its end was in vain.
  if (status == 504 && json.fields.contains("sessions_active")) {
    return absl::StrCat(json["upstream"].Line(), "/", json["name"].Line(), " still has ",
                        json["sessions_active"].Line(),
                        " sessions at the end of the wait; its state is ", json["state"].Line());
  }
  return absl::StrCat("the proxy answered ", status);
}

// The sentences of an answer that is an error.
std::string ErrorOf(const AdminReply& reply) {
  const JsonValue json = ParseJson(reply.body).value_or(JsonValue());
  std::string text;
  for (const JsonValue& line : json["errors"].items) {
    absl::StrAppend(&text, conf::Printable(line.text), "\n");
  }
  if (text.empty()) text = absl::StrCat(OneErrorOf(json, reply.status), "\n");
  if (reply.status == 401) {
    absl::StrAppend(
        &text,
        "The token is taken from --token-file, the file of --config, or SLUICE_ADMIN_TOKEN.\n");
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

CtlResult Show(const CtlRequest& request, const CtlSettings& options, const AdminReply& reply) {
  if (options.json) return {.output = AsJson(request, reply)};
  if (request.text == nullptr) return {.output = reply.body};
  const std::optional<JsonValue> json = ParseJson(reply.body);
  if (!json) return {.code = kFailed, .error = "the proxy's answer is no JSON\n"};
  return {.output = request.text(*json)};
}

CtlResult AskOnce(const CtlRequest& request, const CtlSettings& options) {
  const absl::StatusOr<AdminReply> reply =
      AskAdmin(options.admin, request.method, request.target, options.token, request.patience);
  if (!reply.ok()) return Failed(reply.status(), options);
  if (reply->status == 200) return Show(request, options, *reply);
  if (request.tells_by_code && reply->status == 503) {
    return {.code = kFailed, .output = options.json ? AsJson(request, *reply) : reply->body};
  }
  return {.code = kFailed, .output = options.json ? reply->body : "", .error = ErrorOf(*reply)};
}

// Returns what is wrong, "": nothing.
std::string_view Misfits(const CtlRequest& request, const CtlSettings& options) {
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
  CtlSettings options;
  if (const std::string wrong = ReadCtlOptions(words, options); !wrong.empty()) {
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
  if (const absl::Status found = FindProcess(env, options); !found.ok()) {
    return absl::IsInvalidArgument(found) ? Wrong(std::string(found.message()))
                                          : Failed(found, options);
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
