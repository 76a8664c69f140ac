#include "proxy/session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "core/io.h"
#include "core/join.h"
#include "core/sleep.h"
#include "core/worker.h"
#include "proxy/connector.h"

namespace sluice::proxy {
namespace {

using core::kMillisecond;
using core::Nanos;
using core::Worker;

// How long bytes that came before a reset may take to reach the other side before it is reset too.
constexpr Nanos kResetLinger = core::kSecond;
// How long a connect may take before the client is watched meanwhile.
constexpr Nanos kWatchClientAfter = 20 * kMillisecond;
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

core::Reactor& CurrentReactor() { return Worker::Current()->reactor(); }

class Session final : public FlowOwner {
 public:
  Session(const SessionContext& context, int client)
      : context_(context), client_(client), client_name_(NameForLog()) {}
  Session(const Session&) = delete;

  core::Task<void> Run();

  void SendBegins(Flow& flow, Nanos now) override;
  void FlowEnded(Flow& flow, FlowEnd end, int error) override;

 private:
  // Fires at the earliest deadline that may have come; the session looks which one has.
  class DeadlineTimer final : public core::Timer {
   public:
    explicit DeadlineTimer(Session& session) : session_(session) {}
    void OnReady() override {
      Fired();
      session_.OnTimer();
    }

   private:
    Session& session_;
  };
  class ShutdownNotice final : public core::CancelNotice {
   public:
    explicit ShutdownNotice(Session& session) : session_(session) {}
    void OnReady() override {
      Heard();
      session_.End({By::kProxy, What::kShutdown});
      session_.MaybeFinish();
    }

   private:
    Session& session_;
  };
  // Waits until neither the timer nor the notice can call back any more.
  struct Quiet {
    Session& session;
    bool await_ready() { return session.StopCallbacks(); }
    void await_suspend(std::coroutine_handle<> waiter) { session.finishing_ = waiter; }
    void await_resume() const noexcept {}
  };

  std::string NameForLog() const;
  // Not inlined: its frame is not needed for the life of the session.
  [[gnu::noinline]] core::Task<Connected> Connect();
  core::Task<void> ClientGone();
  core::Task<void> Relay(int upstream);
  // Not inlined: its frame is needed for a moment only, not for the life of the session.
  [[gnu::noinline]] core::Task<void> CloseWithReset(int upstream);
  void End(EndReason reason);
  void EnsureTimer(Nanos deadline);
  void OnTimer();
  Nanos NextDeadline(Nanos now);
  Nanos CheckDeadline(Nanos now, Nanos deadline, What what);
  bool StopCallbacks();
  void MaybeFinish();
  void Report();
  By SideOf(int fd) const { return fd == client_ ? By::kClient : By::kUpstream; }
  Flow& Opposite(const Flow& flow) { return &flow == &up_ ? down_ : up_; }

  const SessionContext& context_;
  const int client_;
  const std::string client_name_;  // empty unless session ends are logged
  const Endpoint* endpoint_ = nullptr;
  core::Runnable* task_ = nullptr;
  core::CancelScope* scope_ = nullptr;
  core::Waiter* relay_ = nullptr;  // the two pumps, while they run
  Nanos started_ = 0;
  Nanos relaying_since_ = 0;
  Nanos half_closed_ = 0;  // 0: both directions are open
  By first_fin_ = By::kClient;
  Nanos timer_at_ = kNever;
  std::optional<EndReason> reason_;
  int error_ = 0;
  int attempts_ = 0;                     // endpoints tried
  bool reset_seen_[2] = {false, false};  // by SideOf
  Flow up_{*this, *context_.stats, &WorkerStats::bytes_up, context_.credit};
  Flow down_{*this, *context_.stats, &WorkerStats::bytes_down, context_.credit};
  DeadlineTimer timer_{*this};
  ShutdownNotice notice_{*this};
  std::coroutine_handle<> finishing_;
};

std::string Session::NameForLog() const {
  if (!context_.logger->enabled(core::LogLevel::kDebug)) return "";
  return CurrentReactor().PeerAddress(client_).ToString();
}

core::Task<void> Session::Run() {
  const core::Context here = co_await core::CurrentContext();
  task_ = here.task;
  scope_ = here.scope;
  started_ = Worker::Current()->now();
  notice_.Listen(context_.end_all, *task_);
  const Connected connected = co_await Connect();
  endpoint_ = connected.endpoint;
  attempts_ = connected.attempts;
  if (connected.fd >= 0) {
    co_await Relay(connected.fd);
  } else if (!reason_) {
    error_ = connected.error;
    End({By::kProxy, What::kNoUpstream});
  }
  co_await Quiet{*this};
  if (reason_->what == What::kClosed) {
    CurrentReactor().Close(connected.fd);
    CurrentReactor().Close(client_);
  } else {
    co_await CloseWithReset(connected.fd);
  }
  Report();
}

// A client that resets its connection while the upstream's is being made ends the attempt.
core::Task<Connected> Session::Connect() {
  auto outcome = co_await core::Select(ConnectUpstream(context_), ClientGone());
  Connected& connected = std::get<0>(outcome.values);
  if (outcome.first == 1 && connected.fd < 0) End({By::kClient, What::kReset});
  co_return connected;
}

// Most connects are done before it is worth watching.
core::Task<void> Session::ClientGone() {
  if (!co_await core::Sleep(kWatchClientAfter)) co_return;
  (void)co_await core::Poll(client_, 0);  // until it is broken; its end of stream is no reason
}

core::Task<void> Session::Relay(int upstream) {
  up_.from = down_.to = client_;
  up_.to = down_.from = upstream;
  relaying_since_ = Worker::Current()->now();
  up_.last_byte = down_.last_byte = relaying_since_;
  auto pumps = core::Join(Pump(up_), Pump(down_));
  EnsureTimer(NextDeadline(relaying_since_));  // if one has passed already, the pumps end at once
  relay_ = &pumps;
  co_await pumps;
  relay_ = nullptr;
}

void Session::SendBegins(Flow&, Nanos now) {
  if (context_.timeouts.write_stall != 0) EnsureTimer(now + context_.timeouts.write_stall);
}

void Session::FlowEnded(Flow& flow, FlowEnd end, int error) {
  const By reader = SideOf(flow.from);
  switch (end) {
    case FlowEnd::kCancelled:
      return;
    case FlowEnd::kWriteError:
      // What its owner sent before it broke may still be waiting to be read: the other flow goes on
      // until it finds the end.
      reset_seen_[static_cast<size_t>(SideOf(flow.to))] = true;
      if (error_ == 0) error_ = error;
      if (Opposite(flow).ended) End({SideOf(flow.to), What::kReset});
      return;
    case FlowEnd::kReadError:
      if (error_ == 0) error_ = error;
      End({reader, What::kReset});
      return;
    case FlowEnd::kEndOfStream:
      break;
  }
  // A send may have consumed the error of a reset; then the read finds a clean end that is none.
  const bool writer_open = !Opposite(flow).ended;
  if (reset_seen_[static_cast<size_t>(reader)] ||
      (writer_open && CurrentReactor().GetPeerState(flow.from) == core::PeerState::kReset)) {
    End({reader, What::kReset});
    return;
  }
  (void)CurrentReactor().ShutdownWrite(flow.to);  // fails only if that side is gone: its flow tells
  if (half_closed_ == 0) {
    half_closed_ = Worker::Current()->now();
    first_fin_ = reader;
    if (context_.timeouts.half_close != 0) EnsureTimer(half_closed_ + context_.timeouts.half_close);
  }
  if (!writer_open) End({first_fin_, What::kClosed});
}

// The first cause wins. Whatever still runs is asked to stop.
void Session::End(EndReason reason) {
  if (reason_) return;
  reason_ = reason;
  if (relay_ != nullptr) {
    relay_->Cancel();
  } else if (reason.what != What::kNoUpstream) {
    scope_->Cancel();
  }
}

void Session::EnsureTimer(Nanos deadline) {
  if (deadline >= timer_at_ || reason_) return;
  if (timer_.armed() && !timer_.Disarm()) return;  // it is about to fire and will look
  timer_at_ = deadline;
  Worker::Current()->wheel().Arm(timer_, deadline, *task_);
}

void Session::OnTimer() {
  timer_at_ = kNever;
  if (reason_) {
    MaybeFinish();
    return;
  }
  const Nanos next = NextDeadline(Worker::Current()->clock().Now());
  if (!reason_) EnsureTimer(next);
  MaybeFinish();
}

// `deadline` if it is yet to come; else ends the session.
Nanos Session::CheckDeadline(Nanos now, Nanos deadline, What what) {
  if (now < deadline) return deadline;
  End({By::kProxy, what});
  return kNever;
}

// Ends the session if a deadline has passed; else when to look again, kNever for never.
Nanos Session::NextDeadline(Nanos now) {
  const SessionTimeouts& limits = context_.timeouts;
  Nanos next = kNever;
  if (limits.max_lifetime != 0) {
    next = CheckDeadline(now, started_ + limits.max_lifetime, What::kMaxLifetime);
  }
  if (limits.write_stall != 0) {
    for (const Flow* flow : {&up_, &down_}) {
      if (flow->sending_since == 0) continue;
      next = std::min(
          next, CheckDeadline(now, flow->sending_since + limits.write_stall, What::kWriteStall));
    }
  }
  if (half_closed_ != 0 && limits.half_close != 0) {
    next = std::min(next,
                    CheckDeadline(now, half_closed_ + limits.half_close, What::kHalfCloseTimeout));
  }
  if (limits.idle != 0) {
    const Nanos last = std::max(up_.last_byte, down_.last_byte);
    next = std::min(next, CheckDeadline(now, last + limits.idle, What::kIdleTimeout));
  }
  return next;
}

// True: there is nothing to wait for.
bool Session::StopCallbacks() {
  timer_.Disarm();
  notice_.Unlisten();
  return !timer_.armed() && !notice_.listening();
}

// The last callback that Quiet waits for resumes the session.
void Session::MaybeFinish() {
  if (finishing_ && !timer_.armed() && !notice_.listening()) {
    std::exchange(finishing_, {}).resume();
  }
}

// Resets whoever has not reset itself; `upstream` may be -1.
[[gnu::noinline]] core::Task<void> Session::CloseWithReset(int upstream) {
  core::Reactor* reactor = &CurrentReactor();
  if (reason_->what == What::kReset) {
    const int other = reason_->by == By::kClient ? upstream : client_;  // -1: not connected yet
    const Nanos until = Worker::Current()->clock().Now() + kResetLinger;
    for (Nanos pause = kMillisecond; other >= 0 && reactor->UnsentBytes(other) > 0; pause *= 2) {
      if (Worker::Current()->clock().Now() >= until) break;
      if (!co_await core::Sleep(std::min(pause, 50 * kMillisecond))) break;
      reactor = &CurrentReactor();
    }
  }
  for (const int fd : {upstream, client_}) {
    if (fd < 0) continue;
    reactor->SetResetOnClose(fd);
    reactor->Close(fd);
  }
}

void Session::Report() {
  WorkerStats& stats = context_.stats->of(Worker::Current()->index());
  core::Count(stats.ended[static_cast<size_t>(reason_->what)]);
  if (!context_.logger->enabled(core::LogLevel::kDebug)) return;
  context_.logger->Log(
      core::LogLevel::kDebug,
      "session end listener=%s client=%s endpoint=%s reason=%s by=%s up=%d down=%d attempts=%d "
      "ms=%d%s",
      context_.listener, client_name_, endpoint_ == nullptr ? "-" : endpoint_->name,
      Name(reason_->what), Name(reason_->by), up_.bytes, down_.bytes, attempts_,
      (Worker::Current()->clock().Now() - started_) / kMillisecond,
      error_ == 0 ? "" : absl::StrCat(" error=", strerrorname_np(error_)));
}

}  // namespace

core::Task<void> RunSession(const SessionContext& context, int client, LimitSlot slot) {
  Session session(context, client);
  co_await session.Run();
  (void)slot;  // held until here
}

}  // namespace sluice::proxy
