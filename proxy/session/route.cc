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
// direction reads nothing yet, so a hello may take both; one that needs more than these is not
// waited for.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/counter.h"
#include "core/io/recv_stream.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/route/preread.h"
#include "proxy/session/routing.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {
namespace {

using Decision = Preread::Decision;

constexpr uint32_t kReadAtOnce = 16384;
constexpr size_t kMostReserveBlocks = 2;

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

// What the client has sent, and what that says.
class FirstRead {
 public:
  // `before`: what was taken of the stream before. It outlives this.
  FirstRead(ContextRef context, std::string_view before) : before_(before) {
    GoBy(std::move(context));
  }

  // Looks at what has arrived since the last time. Returns true if nothing else is waited for.
  bool Look(const core::RecvStream& stream) {
    for (;;) {
      FeedNew(stream);
      if (decision_.kind != Decision::Kind::kMore) {
        if (IsCurrent()) return true;
        continue;
      }
      return is_short_;
    }
  }

  // Once nothing else comes. It may be another context by now.
  void Conclude(bool time_is_over) {
    (void)IsCurrent();
    if (preread_ && decision_.kind == Decision::Kind::kMore) {
      is_late_ = time_is_over || is_short_;
      decision_ = is_late_ ? preread_->OnTimeout() : preread_->OnEnd();
    }
    if (!preread_) decision_ = {.kind = Decision::Kind::kDefault};
  }

  size_t seen() const { return seen_; }
  bool is_late() const { return is_late_; }
  const Decision& decision() const { return decision_; }
  const ContextRef& context() const { return context_; }
  // Whose settings the session goes on with.
  const SessionContext& target() const {
    const bool is_routed = decision_.kind == Decision::Kind::kRoute;
    return is_routed ? *context_->routing->contexts[decision_.route] : *context_;
  }
  std::string_view route() const {
    const bool is_routed = decision_.kind == Decision::Kind::kRoute;
    return is_routed ? std::string_view(context_->routing->names[decision_.route]) : "default";
  }
  const ClientHello* hello() const { return preread_ ? &preread_->hello() : nullptr; }

 private:
  void GoBy(ContextRef context) {
    preread_.reset();
    context_ = std::move(context);
    decision_ = {};
    seen_ = 0;
    const Routing* const routing = context_->routing.get();
    if (routing == nullptr) return;
    preread_.emplace(routing->table, routing->policy, routing->wants_name);
    if (!before_.empty()) decision_ = preread_->Feed(std::as_bytes(std::span(before_)));
  }

  // Returns false if another configuration holds by now: then it begins again, by that one.
  bool IsCurrent() {
    const Routing* const routing = context_->routing.get();
    if (routing == nullptr) return true;
    ContextRef current = routing->current->Get();
    if (!current || current == context_) return true;
    GoBy(std::move(current));
    return false;
  }

  void FeedNew(const core::RecvStream& stream) {
    size_t at = 0;
    size_t reserve_blocks = 0;
    stream.ForEach([&](const core::Buffer& buffer) {
      const std::span<const std::byte> bytes(buffer.data, buffer.size);
      reserve_blocks += buffer.pool == nullptr ? 1 : 0;
      if (preread_ && decision_.kind == Decision::Kind::kMore && at + bytes.size() > seen_) {
        decision_ = preread_->Feed(bytes.subspan(seen_ > at ? seen_ - at : 0));
      }
      at += bytes.size();
    });
    seen_ = at;
    is_short_ = reserve_blocks > kMostReserveBlocks;
    if (!preread_) decision_ = {.kind = Decision::Kind::kDefault};
  }

  const std::string_view before_;
  ContextRef context_;
  std::optional<Preread> preread_;  // none: the listener has no routes any more
  Decision decision_;
  size_t seen_ = 0;
  bool is_short_ = false;
  bool is_late_ = false;
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
  first.Conclude(outcome.Won<"time">());
  if (first.decision().kind == Decision::Kind::kReject) {
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
