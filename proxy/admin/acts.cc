#include "proxy/admin/acts.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "conf/text/units.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "core/task/task.h"
#include "proxy/admin/access.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/queries.h"
#include "proxy/admin/views.h"
#include "proxy/server/endpoint_actions.h"
#include "proxy/server/session_actions.h"

namespace sluice::proxy {
namespace {

constexpr size_t kSessionsPerPage = 1000;  // unless the request says otherwise

HttpResponse ErrorOf(const absl::Status& status) {
  int code = 500;
  if (absl::IsInvalidArgument(status)) code = 400;
  if (absl::IsNotFound(status)) code = 404;
  if (absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status)) code = 409;
  if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) code = 503;
  return ErrorResponse(code, std::string(status.message()));
}

HttpResponse NotTaken(std::string_view path, std::string_view allowed) {
  HttpResponse response =
      ErrorResponse(405, absl::StrCat(std::string(path), " takes ", std::string(allowed)));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

HttpResponse Number(std::string_view key, uint64_t value) {
  JsonWriter json;
  json.BeginObject();
  json.Field(key, value);
  json.EndObject();
  return {.body = std::move(json).Finish()};
}

HttpResponse AnswerOf(const EndpointActions::Answer& answer) {
  if (!answer.ok()) return ErrorOf(answer.status());
  return {.body = EndpointJson(*answer)};
}

// It may take minutes.
core::Task<void> WaitUntilDrained(const EndpointActions& actions, EndpointId id,
                                  core::Duration timeout, HttpAnswer answer) {
  (void)co_await actions.UntilDrained(id, timeout);
  const EndpointActions::Answer found = actions.Find(id);
  // One that was removed is not known any more once it has no sessions.
  if (absl::IsNotFound(found.status())) co_return answer(Number("sessions_active", 0));
  HttpResponse response = AnswerOf(found);
  if (found.ok() && found->sessions > 0) response.status = 504;
  answer(std::move(response));
}

}  // namespace

bool AdminActs::Handle(std::string_view method, const HttpTarget& target,
                       const HttpRequest& request, const HttpAnswer& answer) {
  const std::vector<std::string>& path = target.segments;
  if (path.size() < 3 || path[0] != "api" || path[1] != "v1") return false;
  const Call call = {.method = method,
                     .target = target,
                     .who = request.peer.name,
                     .may_wait = request.may_wait,
                     .gone = request.gone,
                     .answer = answer};
  if (path[2] == "endpoints" && (path.size() == 5 || path.size() == 6)) {
    OnEndpoint(call);
  } else if (path[2] == "upstreams" && path.size() == 5 && path[4] == "endpoints") {
    AddEndpoint(call);
  } else if (path[2] == "sessions" && path.size() == 3) {
    OnSessions(call);
  } else if (path[2] == "sessions" && path.size() == 4) {
    KillOne(call);
  } else if (path[2] == "shed" && path.size() == 3) {
    OnShed(call);
  } else {
    return false;
  }
  return true;
}

void AdminActs::OnEndpoint(const Call& call) {
  const std::vector<std::string>& path = call.target.segments;
  const EndpointId id = {.upstream = path[3], .name = path[4]};
  const std::string act = path.size() == 6 ? path[5] : "";
  const std::string_view method = act.empty() ? "DELETE" : act == "weight" ? "PUT" : "POST";
  constexpr std::string_view kActs[] = {"", "weight", "ready", "drain", "maintenance", "reset"};
  if (std::ranges::find(kActs, act) == std::end(kActs)) {
    return call.answer(ErrorResponse(
        404, "an endpoint takes POST ready, drain, maintenance and reset, PUT weight, and DELETE"));
  }
  if (call.method != method) return call.answer(NotTaken(call.target.Path(), method));
  // All that is asked for is read before any of it is done.
  std::optional<core::Duration> wait;
  if (act.empty() || act == "drain" || act == "maintenance") {
    const absl::StatusOr<std::optional<core::Duration>> asked = DrainWaitFrom(call.target);
    if (!asked.ok()) return call.answer(ErrorOf(asked.status()));
    wait = *asked;
    const bool can_wait = call.may_wait && subject_.server.waits().has_room();
    if (wait && !can_wait) return call.answer(TooManyWait());
  } else if (!TakesOnly(call, act == "weight" ? "weight" : "")) {
    return;
  }
  EndpointActions& actions = subject_.server.endpoint_actions();
  EndpointActions::Answer answer = absl::InternalError("");
  if (act.empty()) {
    answer = actions.Remove(id, call.who);
  } else if (act == "weight") {
    uint32_t weight = 0;
    if (!absl::SimpleAtoi(std::string(call.target.Query("weight")), &weight)) {
      return call.answer(ErrorResponse(400, "weight is a number from 0 to 256: ?weight=1"));
    }
    answer = actions.SetWeight(id, weight, call.who);
  } else if (act == "reset") {
    answer = actions.Reset(id, call.who);
  } else {
    const AdminState state = act == "ready"   ? AdminState::kReady
                             : act == "drain" ? AdminState::kDrain
                                              : AdminState::kMaintenance;
    answer = actions.SetState(id, state, call.who);
  }
  if (answer.ok() && wait) return AnswerWhenDrained(call, id, *wait);
  call.answer(AnswerOf(answer));
}

bool AdminActs::TakesOnly(const Call& call, std::string_view names) {
  const absl::Status status = proxy::TakesOnly(call.target, names);
  if (!status.ok()) call.answer(ErrorOf(status));
  return status.ok();
}

void AdminActs::AnswerWhenDrained(const Call& call, EndpointId id, core::Duration timeout) const {
  const bool waits = subject_.server.waits().Start(
      WaitUntilDrained(subject_.server.endpoint_actions(), std::move(id), timeout, call.answer),
      call.gone);
  if (!waits) call.answer(ErrorResponse(503, "it is done, but the proxy ends"));
}

void AdminActs::AddEndpoint(const Call& call) {
  if (call.method != "POST") return call.answer(NotTaken(call.target.Path(), "POST"));
  const absl::StatusOr<conf::Endpoint> endpoint = EndpointFrom(call.target);
  if (!endpoint.ok()) return call.answer(ErrorOf(endpoint.status()));
  call.answer(AnswerOf(
      subject_.server.endpoint_actions().Add(call.target.segments[3], *endpoint, call.who)));
}

void AdminActs::AnswerSlowly(const Call& call, std::function<HttpResponse(SessionActions&)> work) {
  const auto answer_it = [&actions = subject_.server.session_actions(), work = std::move(work),
                          answer = call.answer] { answer(work(actions)); };
  if (!call.may_wait || !slow_work_.Do(answer_it)) {
    call.answer(ErrorResponse(503, "too many requests about sessions wait already"));
  }
}

void AdminActs::OnSessions(const Call& call) {
  if (call.method == "GET") {
    const absl::StatusOr<SessionQuery> query = SessionQueryFrom(call.target, kSessionsPerPage);
    if (!query.ok()) return call.answer(ErrorOf(query.status()));
    const bool with_paths = call.target.Query("paths") == "true";
    const RowDetail detail = with_paths || query->order == SessionOrder::kRoundTrip
                                 ? RowDetail::kPaths
                                 : RowDetail::kNames;
    return AnswerSlowly(call, [query = *query, detail](SessionActions& actions) {
      const SessionPage page = actions.List(query, detail);
      HttpResponse response = {.body = SessionsJson(page)};
      response.headers.emplace_back("X-Total-Count", std::to_string(page.total));
      return response;
    });
  }
  if (call.method != "DELETE") return call.answer(NotTaken(call.target.Path(), "GET, DELETE"));
  const absl::StatusOr<SessionFilter> filter = SessionFilterFrom(call.target);
  if (!filter.ok()) return call.answer(ErrorOf(filter.status()));
  if (*filter == SessionFilter()) {  // which means all
    return call.answer(ErrorResponse(
        400,
        "which sessions? listener, upstream, endpoint, client, stage, min_age, min_idle, "
        "min_bytes: ?client=10.0.0.1 (to end a share of all: POST /api/v1/shed)"));
  }
  AnswerSlowly(call, [filter = *filter, who = std::string(call.who)](SessionActions& actions) {
    return Number("killed", actions.Kill(filter, who));
  });
}

void AdminActs::KillOne(const Call& call) {
  if (call.method != "DELETE") return call.answer(NotTaken(call.target.Path(), "DELETE"));
  if (!TakesOnly(call, "")) return;
  uint64_t id = 0;
  if (!absl::SimpleAtoi(call.target.segments[3], &id)) {
    return call.answer(ErrorResponse(400, "a session is named by its number"));
  }
  AnswerSlowly(call, [id, who = std::string(call.who)](SessionActions& actions) {
    const absl::Status killed = actions.Kill(id, who);
    return killed.ok() ? Number("killed", 1) : ErrorOf(killed);
  });
}

void AdminActs::OnShed(const Call& call) {
  if (call.method == "DELETE") {
    if (!TakesOnly(call, "")) return;
    subject_.server.session_actions().StopShedding(call.who);
    return call.answer({.body = "{\"result\":\"ok\"}\n"});
  }
  if (call.method != "POST") return call.answer(NotTaken(call.target.Path(), "POST, DELETE"));
  if (!TakesOnly(call, "percent, over")) return;
  std::string percent(call.target.Query("percent"));
  if (percent.ends_with('%')) percent.pop_back();
  uint32_t share = 0;
  const absl::StatusOr<core::Duration> over = conf::ParseDuration(call.target.Query("over"));
  if (!absl::SimpleAtoi(percent, &share) || !over.ok()) {
    return call.answer(
        ErrorResponse(400, "how many, and for how long? ?percent=10&over=5m ends a tenth"));
  }
  AnswerSlowly(call, [share, over = *over, who = std::string(call.who)](SessionActions& actions) {
    const absl::StatusOr<size_t> shed = actions.Shed(share, over, who);
    return shed.ok() ? Number("to_end", *shed) : ErrorOf(shed.status());
  });
}

}  // namespace sluice::proxy
