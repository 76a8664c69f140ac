// The stage that finds out where a client goes, by what it sends first. Only listeners with routes,
// or whose upstreams go by the name of a server, have it.
//
//   what arrives stays in the stream ──► Preread ── decided ──► the stream is taken over: its
//          ▲                  │                                 buffers are the head of the flow up
//          └──── undecided ───┘
//             │ preread.timeout, the client's end, or buffers are short: decided by what there is
//             │ reset, drain, kill, lifetime: the session ends
//
// Nothing is copied and nothing is sent on before the decision; what waits is in buffers of the
// pool, gathered there, so that single bytes take no buffer each. It is at most
// ClientHello::kMostBytes and what one read brings.
//
// Where buffers are short a session has the reserve's two blocks, one for each direction. The other
// direction reads nothing yet, so a hello may take both. One that is not whole with the read that
// has taken the second is not waited for: the next read could take a third one, which is another
// session's.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/counter.h"
#include "core/io/recv_stream.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/session/first_read.h"
#include "proxy/session/routing.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {
namespace {

constexpr uint32_t kReadAtOnce = 16384;

// The settings of a route of a listener that a reload has made meanwhile: they are what its session
// goes on with; what its ticket belongs to, and what has identified its client, is that of the
// listener that has admitted it.
struct CarriedContext final : SessionContext {
  CarriedContext(const SessionContext& settings, ContextRef admitted_by, ContextRef routed_by)
      : SessionContext(WithIdentify(settings, admitted_by->identify)),
        admitted_by(std::move(admitted_by)),
        routed_by(std::move(routed_by)) {}

  static SessionSettings WithIdentify(SessionSettings settings,
                                      const std::shared_ptr<const IdentifySettings>& identify) {
    settings.identify = identify;
    return settings;
  }

  const ContextRef admitted_by;
  const ContextRef routed_by;
};

core::Task<void> ReadUntilDecided(core::RecvStream& stream, FirstRead& first) {
  while (!first.Look(stream)) {
    if (!co_await stream.More(first.seen())) co_return;
  }
}

}  // namespace

// The settings of a listener from which a session goes on when its client has been identified: a
// reload may have made others meanwhile. (Route asks again at its end.)
ContextRef Session::InForce(const ContextRef& held) {
  if (held->identify == nullptr || held->identify->is_late) return held;
  ContextRef current = held->identify->current->Get();
  return current ? current : held;
}

// It counts from the header's end, and without one from the accept.
core::Duration Session::TimeToRoute(core::Duration timeout) const {
  const bool has_header = identity() != nullptr && identity()->has_header;
  return has_header ? timeout : started_at_ + timeout - core::Worker::Current()->Now();
}

// `by`: whose routes it takes, unless a reload makes others while it waits.
core::Task<void> Session::Route(ContextRef& held, ContextRef by, core::Runnable& task) {
  WaitIn(SessionStage::kRoute, task);
  const core::Duration left = TimeToRoute(by->routing->policy.timeout);
  core::RecvStream stream(client_, std::min(kReadAtOnce, by->credit));
  const std::string_view held_before =
      identity() == nullptr ? std::string_view() : identity()->held;
  FirstRead first(std::move(by), held_before);
  auto outcome = co_await core::Select(core::Named<"read">(ReadUntilDecided(stream, first)),
                                       core::Named<"time">(core::Sleep(left)));
  Head head;
  const int error = co_await TakeOver(stream, head);
  if (end_.ended()) co_return;
  if (error != 0) {
    Tell({.kind = EndEvent::Kind::kClientReset, .error = error});
    co_return;
  }
  first.Conclude(head.read, outcome.Won<"time">());
  if (first.decision().kind == FirstRead::Decision::Kind::kReject) {
    Tell({.kind = EndEvent::Kind::kDeadline,
          .cause = first.is_late() ? EndCause::kPrereadTimeout : EndCause::kNoRoute});
    co_return;
  }
  GoTo(held, first.context(), first.target());
  const ClientHello* const hello = first.hello();
  if (timeline_ != nullptr) Change([&] { timeline_->NoteRoute(first.route(), hello); });
  const bool has_name = hello != nullptr && !hello->sni().empty();
  if (!head.empty() || has_name) {
    extras().routed.reset(new Routed{.head = std::move(head),
                                     .server = has_name ? hello->sni() : "",
                                     .alpn = hello != nullptr ? hello->OnlyAlpn() : ""});
  }
}

// The session goes on with the settings of `to`, which `routed_by` keeps. Its upstream may ask for
// a timeline that the listener's own does not ask for.
void Session::GoTo(ContextRef& held, const ContextRef& routed_by, const SessionContext& to) {
  const SessionContext* next = &to;
  ContextRef carried;
  if (routed_by != held) {
    carried = core::MakeRef<const CarriedContext>(to, held, routed_by);
    next = carried.get();
  }
  if (next == &context()) return;
  const uint32_t here = core::Worker::Current()->index();
  core::Count(context().stats->of(here).at("routed_total", RouteWay::kAway));
  core::Count(next->stats->of(here).at("routed_total", RouteWay::kTo));
  std::unique_ptr<Timeline> made;
  if (timeline_ == nullptr) made = Timeline::IfAsked(*next, client_);
  Change([&] {
    context_ = next;
    if (made == nullptr) return;
    timeline_ = std::move(made);
    if (identity() != nullptr) timeline_->NoteIdentity(identity());
  });
  end_.set_close_after_fin(next->close_after_fin);
  if (carried) held = std::move(carried);
}

}  // namespace sluice::proxy
