#include "proxy/admin/event_query.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "conf/text/text.h"
#include "conf/text/units.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/task/task.h"
#include "core/time/sleep.h"
#include "proxy/admin/access.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/views.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kLongestWait = 1h;
constexpr size_t kMostAfterWait = 64;  // a worker writes this answer

absl::Status Wrong(std::string_view name, std::string_view value, std::string_view takes) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(name), " is ", conf::Printable(value),
                                                 "; allowed: ", std::string(takes)));
}

absl::Status ReadParameter(std::string_view name, std::string_view value, EventQuery& query) {
  const std::string text(value);
  if (name == "after") {
    if (!absl::SimpleAtoi(text, &query.after.emplace())) return Wrong(name, value, "a number");
  } else if (name == "run") {
    if (!absl::SimpleAtoi(text, &query.run.emplace())) return Wrong(name, value, "a number");
  } else if (name == "limit") {
    if (!absl::SimpleAtoi(text, &query.limit) || query.limit == 0 || query.limit > Events::kMost) {
      return Wrong(name, value, absl::StrCat("a number from 1 to ", Events::kMost));
    }
  } else if (name == "wait") {
    const absl::StatusOr<core::Duration> time = conf::ParseDuration(value);
    if (!time.ok() || *time > kLongestWait) return Wrong(name, value, "a time up to 1h");
    query.wait = *time;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("there is no parameter ", conf::Printable(name),
                                                   "; allowed: after, run, limit, wait"));
  }
  return absl::OkStatus();
}

HttpResponse ResponseOf(const Events::Page& page, int64_t run) {
  JsonWriter json;
  json.BeginObject();
  json.Field("run", run);
  json.Field("last", page.last);
  json.Field("lost", page.lost);
  json.Key("events");
  json.BeginArray();
  for (const Event& event : page.events) {
    json.BeginObject();
    json.Field("id", event.id);
    json.Field("at", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(event.at),
                                      absl::UTCTimeZone()));
    json.Field("kind", Name(event.kind));
    json.Field("level", kLogLevels[static_cast<size_t>(event.level)]);
    json.Field("upstream", event.upstream);
    json.Field("endpoint", event.endpoint);
    json.Field("who", event.who);
    json.Field("text", event.text);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return {.body = std::move(json).Finish()};
}

core::Task<void> WaitForEvents(Events& events, uint64_t after, size_t limit, core::Duration wait,
                               HttpAnswer answer) {
  const core::Clock& clock = core::Worker::Current()->clock();
  const core::Instant until = clock.Now() + wait;
  for (;;) {
    auto change = events.changed().Wait();  // before it looks
    const Events::Page page = events.After(after, limit);
    const core::Duration left = until - clock.Now();
    if (!page.events.empty() || left <= 0s) co_return answer(ResponseOf(page, events.run()));
    auto outcome = co_await core::Select(core::Named<"change">(change),
                                         core::Named<"time">(core::Sleep(left)));
    const bool is_closed = !outcome.Get<"change">().ok() && !outcome.Get<"time">();
    if (is_closed) co_return answer(ResponseOf(events.After(after, limit), events.run()));
  }
}

}  // namespace

absl::StatusOr<EventQuery> EventQueryFrom(const HttpTarget& target) {
  EventQuery query;
  for (const auto& [name, value] : target.queries) {
    absl::Status read = ReadParameter(name, value, query);
    if (!read.ok()) return read;
  }
  if (query.wait > 0s && !query.after) {
    return absl::InvalidArgumentError("wait needs after: ?after=12&wait=30s");
  }
  return query;
}

void AnswerEvents(const EventQuery& query, const HttpRequest& request, Events& events, Waits& waits,
                  const HttpAnswer& answer) {
  if (!query.after) return answer(ResponseOf(events.Last(query.limit), events.run()));
  const bool is_other_run = query.run && *query.run != events.run();
  const uint64_t after = is_other_run ? 0 : *query.after;
  const Events::Page page = events.After(after, query.limit);
  if (!page.events.empty() || query.wait == 0s) return answer(ResponseOf(page, events.run()));
  const size_t limit = std::min(query.limit, kMostAfterWait);
  const bool waits_now =
      request.may_wait &&
      waits.Start(WaitForEvents(events, after, limit, query.wait, answer), request.gone);
  if (!waits_now) answer(TooManyWait());
}

}  // namespace sluice::proxy
