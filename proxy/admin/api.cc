#include "proxy/admin/api.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "conf/diff.h"
#include "conf/print.h"
#include "core/console/task_json.h"
#include "core/runtime/task_query.h"
#include "proxy/admin/event_query.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/queries.h"
#include "proxy/admin/token_file.h"
#include "proxy/admin/views.h"

namespace sluice::proxy {
namespace {

constexpr char kText[] = "text/plain; charset=utf-8";
constexpr uint32_t kMostAsked = 24;  // reloads and upgrades that are to be answered
constexpr char kDone[] = "{\"result\":\"ok\"}\n";

enum class Answers : uint8_t { kAtOnce, kLater };

HttpResponse Lines(std::string_view key, const std::vector<std::string>& lines, int status) {
  JsonWriter json;
  json.BeginObject();
  if (status != 200) json.Field("error", lines.empty() ? std::string() : lines.front());
  json.Key(key);
  json.BeginArray();
  for (const std::string& line : lines) json.Value(line);
  json.EndArray();
  json.EndObject();
  return {.status = status, .body = std::move(json).Finish()};
}

HttpResponse NotTaken(std::string_view path, std::string_view allowed) {
  HttpResponse response =
      ErrorResponse(405, absl::StrCat(std::string(path), " takes ", std::string(allowed)));
  response.headers.emplace_back("Allow", allowed == "GET" ? "GET, HEAD" : allowed);
  return response;
}

std::vector<std::string> LinesOf(const absl::Status& status) {
  return absl::StrSplit(status.message(), '\n');
}

// What the file says, compared with what is in force.
HttpResponse Compare(const AdminSubject& subject) {
  const absl::StatusOr<conf::Config> file = subject.read_config();
  if (!file.ok()) return Lines("errors", LinesOf(file.status()), 409);
  const ServerView view = subject.server.control().View();
  conf::Config next = *file;
  const conf::Config& in_force = view.topology->config();
  // `auto` stands for a number, which stays.
  if (next.limits.max_connections == 0) {
    next.limits.max_connections = in_force.limits.max_connections;
  }
  return Lines("differences", conf::Sentences(conf::Compare(in_force, next)), 200);
}

}  // namespace

struct AdminApi::Route {
  std::string_view method;
  std::string_view path;
  void (AdminApi::*handle)(const Call& call);
  Answers answers = Answers::kAtOnce;  // the events may do either
  std::string_view parameters = {};    // of an act; what reads looks at its own
};

const AdminApi::Route AdminApi::kRoutes[] = {
    {"GET", "/healthz", &AdminApi::Health},
    {"GET", "/readyz", &AdminApi::Ready},
    {"GET", "/metrics", &AdminApi::Metrics},
    {"GET", "/api/v1/info", &AdminApi::Info},
    {"GET", "/api/v1/config", &AdminApi::Config},
    {"GET", "/api/v1/config/diff", &AdminApi::ConfigDiff, Answers::kLater},
    {"GET", "/api/v1/listeners", &AdminApi::Listeners},
    {"GET", "/api/v1/upstreams", &AdminApi::Upstreams},
    {"GET", "/api/v1/endpoints", &AdminApi::Endpoints},
    {"GET", "/api/v1/workers", &AdminApi::Workers},
    {"GET", "/api/v1/events", &AdminApi::Events},
    {"GET", "/api/v1/tasks", &AdminApi::Tasks},
    {"POST", "/api/v1/reload", &AdminApi::Reload, Answers::kLater},
    {"POST", "/api/v1/upgrade", &AdminApi::Upgrade, Answers::kLater},
    {"POST", "/api/v1/shutdown", &AdminApi::Shutdown},
    {"POST", "/api/v1/log-level", &AdminApi::LogLevel, Answers::kAtOnce, "level"},
};

void AdminApi::Handle(Door door, const HttpRequest& request, const HttpAnswer& answer) {
  const std::optional<HttpTarget> target = ParseHttpTarget(request.target);
  if (!target) return answer(ErrorResponse(400, "the target of the request is not valid"));
  const std::string path = target->Path();
  std::optional<HttpResponse> error = NotAllowed(
      request, path,
      {.door = door, .token = Token(), .is_abstract = is_abstract_, .own_uid = geteuid()});
  if (error) return answer(*std::move(error));
  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  const Call call = {.request = request, .target = *target, .answer = answer};
  if (const PageFile* const file = FindPageFile(path)) return Page(*file, method, call);
  std::string_view allowed;
  for (const Route& route : kRoutes) {
    if (route.path != path) continue;
    if (route.method == method) return Take(route, call);
    allowed = route.method;
  }
  if (allowed.empty() && acts_.Handle(method, *target, request, answer)) return;
  if (allowed.empty()) return answer(ErrorResponse(404, absl::StrCat("there is no ", path)));
  answer(NotTaken(path, allowed));
}

void AdminApi::Take(const Route& route, const Call& call) {
  const absl::Status status =
      route.method == "GET" ? absl::OkStatus() : TakesOnly(call.target, route.parameters);
  if (!status.ok()) return call.answer(ErrorResponse(400, std::string(status.message())));
  if (route.answers == Answers::kLater && !call.request.may_wait) return call.answer(TooManyWait());
  (this->*route.handle)(call);
}

void AdminApi::Page(const PageFile& file, std::string_view method, const Call& call) {
  if (method != "GET") return call.answer(NotTaken(file.path, "GET"));
  call.answer(PageAnswer(file, call.request.if_none_match));
}

// The configuration in force has it: a reload may exchange it.
absl::StatusOr<std::string> AdminApi::Token() const {
  const ServerView view = subject_.server.control().View();
  const conf::Admin& admin = view.topology ? view.topology->config().admin : subject_.at_start;
  if (admin.token_file.empty()) return admin.token;
  return ReadToken("admin.token_file", admin.token_file);
}

void AdminApi::TellAct(const HttpRequest& request, std::string_view what) const {
  subject_.server.events().Tell({.kind = EventKind::kAdmin, .who = request.peer.name},
                                core::LogLevel::kInfo, "admin: %s: %s", request.peer.name, what);
}

void AdminApi::Health(const Call& call) { call.answer({.content_type = kText, .body = "ok\n"}); }

void AdminApi::Ready(const Call& call) {
  const std::string why = WhyNotReady(subject_.server.control().View());
  if (why.empty()) return call.answer({.content_type = kText, .body = "ready\n"});
  call.answer(
      {.status = 503, .content_type = kText, .body = absl::StrCat("not ready: ", why, "\n")});
}

void AdminApi::Metrics(const Call& call) {
  const ExpositionFormat format = ExpositionFormatFor(call.request.accept);
  call.answer(
      {.content_type = std::string(ContentType(format)), .body = MetricsText(subject_, format)});
}

void AdminApi::Info(const Call& call) {
  // It has the token where there is one (access.h).
  const absl::StatusOr<std::string> token = Token();
  const bool may_act = call.request.peer.is_unix || (token.ok() && !token->empty());
  call.answer({.body = InfoJson(subject_, clock_.Now() - subject_.started_at, may_act)});
}

void AdminApi::Config(const Call& call) {
  const ServerView view = subject_.server.control().View();
  if (!view.topology) return call.answer(ErrorResponse(503, "the proxy does not serve yet"));
  call.answer({.content_type = "application/yaml",
               .body = conf::Print(view.topology->config(), conf::Secrets::kHide)});
}

// On a thread of its own: a file may take long, and from a pipe for ever.
void AdminApi::ConfigDiff(const Call& call) {
  if (!subject_.read_config) {
    return call.answer(ErrorResponse(409, "this process has no configuration file to read"));
  }
  if (!subject_.server.control().View().topology) {
    return call.answer(ErrorResponse(503, "the proxy does not serve yet"));
  }
  if (compares_->exchange(true, std::memory_order_acq_rel)) {
    return call.answer(ErrorResponse(503, "the file is being compared for another request"));
  }
  const auto compare = [subject = subject_, compares = compares_, answer = call.answer] {
    HttpResponse response = Compare(subject);
    compares->store(false, std::memory_order_release);
    answer(std::move(response));
  };
  try {
    std::thread(compare).detach();
  } catch (const std::system_error&) {
    compares_->store(false, std::memory_order_release);
    call.answer(ErrorResponse(503, "the system is out of threads"));
  }
}

void AdminApi::Listeners(const Call& call) { call.answer({.body = ListenersJson(subject_)}); }
void AdminApi::Upstreams(const Call& call) { call.answer({.body = UpstreamsJson(subject_)}); }
void AdminApi::Endpoints(const Call& call) { call.answer({.body = EndpointsJson(subject_)}); }
void AdminApi::Workers(const Call& call) { call.answer({.body = WorkersJson(subject_)}); }

void AdminApi::Tasks(const Call& call) {
  core::TaskQuery query;
  for (const auto& [name, value] : call.target.queries) {
    const absl::Status read = query.Set(name, value);
    if (!read.ok()) return call.answer(ErrorResponse(400, std::string(read.message())));
  }
  std::optional<std::string> tasks = core::TasksJson(subject_.runtime, query);
  if (tasks) return call.answer({.body = *std::move(tasks) + "\n"});
  call.answer(ErrorResponse(409,
                            "this process does not watch its tasks: set runtime.watch_tasks to "
                            "true and restart it"));
}

void AdminApi::Reload(const Call& call) { AskForChange(call, Change::kReload, "reload"); }

void AdminApi::Upgrade(const Call& call) { AskForChange(call, Change::kUpgrade, "upgrade"); }

void AdminApi::AskForChange(const Call& call, Change change, std::string_view name) {
  // A client that asks again and again while a reload hangs is not remembered each time.
  if (asked_->load(std::memory_order_relaxed) >= kMostAsked) return call.answer(TooManyWait());
  asked_->fetch_add(1, std::memory_order_relaxed);
  TellAct(call.request, name);
  const auto done = [asked = asked_, answer = call.answer](const absl::Status& status) {
    asked->fetch_sub(1, std::memory_order_relaxed);
    if (status.ok()) return answer({.body = kDone});
    answer(Lines("errors", LinesOf(status), 409));
  };
  subject_.server.control().Ask(change, done);
}

void AdminApi::Shutdown(const Call& call) {
  TellAct(call.request, "shutdown");
  subject_.ask_to_end();
  call.answer({.body = kDone});
}

void AdminApi::Events(const Call& call) {
  const absl::StatusOr<EventQuery> query = EventQueryFrom(call.target);
  if (!query.ok()) return call.answer(ErrorResponse(400, std::string(query.status().message())));
  AnswerEvents(*query, call.request, subject_.server.events(), subject_.server.waits(),
               call.answer);
}

void AdminApi::LogLevel(const Call& call) {
  const std::string_view level = call.target.Query("level");
  const auto* const found = std::ranges::find(kLogLevels, level);
  if (found == std::end(kLogLevels)) {
    return call.answer(
        ErrorResponse(400, "level is one of trace, debug, info, warn, error, off: ?level=info"));
  }
  TellAct(call.request, absl::StrCat("log level ", std::string(level)));
  subject_.logger.SetLevel(static_cast<core::LogLevel>(found - std::begin(kLogLevels)));
  JsonWriter json;
  json.BeginObject();
  json.Field("log_level", level);
  json.EndObject();
  call.answer({.body = std::move(json).Finish()});
}

}  // namespace sluice::proxy
