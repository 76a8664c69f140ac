#include "proxy/session.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "core/io.h"
#include "core/join.h"
#include "core/sleep.h"
#include "core/worker.h"
#include "proxy/connector.h"
#include "proxy/jitter.h"
#include "proxy/pacer.h"
#include "proxy/record_text.h"

namespace sluice::proxy {
namespace {

using core::kMillisecond;
using core::Nanos;
using core::Worker;

// How long the bytes that one side sent before its end may take to reach the other side before that
// is closed too.
constexpr Nanos kLinger = core::kSecond;
// How long a connect may take before the client is watched meanwhile.
constexpr Nanos kWatchClientAfter = 20 * kMillisecond;
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

core::Reactor& CurrentReactor() { return Worker::Current()->reactor(); }

// Bases, not members: they would need a way back to the session each.
//
// Fires at the earliest deadline that may have come; the session looks which one has.
class DeadlineTimer : public core::Timer {
 public:
  void OnReady() final {
    Fired();
    OnTimer();
  }
  virtual void OnTimer() = 0;

 protected:
  ~DeadlineTimer() = default;
};

class ShutdownNotice : public core::CancelNotice {
 public:
  void OnReady() final {
    Heard();
    OnShutdown();
  }
  virtual void OnShutdown() = 0;

 protected:
  ~ShutdownNotice() = default;
};

class Session final : public FlowOwner, DeadlineTimer, ShutdownNotice {
 public:
  Session(const SessionContext& context, int client) : context_(context), client_(client) {}
  Session(const Session&) = delete;

  static core::Root<void> Run(const SessionContext& context, int client, Ticket ticket);

  Stats& stats() override { return *context_.stats; }
  void SendBegins(Flow& flow, Nanos now) override;
  bool FlowEnded(Flow& flow, FlowEnd end, int error) override;
  void ResetAfterEnd(Flow& flow) override;
  void BuffersShort() override;
  Pacer& PacerOf(const Flow& flow) override { return &flow == &up_ ? pace_->up : pace_->down; }

 private:
  // What only a log asks for.
  struct Trace {
    core::Address client;
    const Endpoint* endpoint = nullptr;  // the last one tried
    int attempts = 0;                    // endpoints tried
    Nanos queued = -1;
    Nanos connected_at = -1;
    Nanos first_byte_at = -1;  // from the upstream
    core::PathQuality client_path;
    core::PathQuality upstream_path;
  };
  struct Pace {
    Pacer up;
    Pacer down;
  };
  // Waits until neither the timer nor the notice can call back any more. Nothing cancels it.
  class Quiet final : public core::Waiter {
   public:
    explicit Quiet(Session& session) : session_(session) {}
    bool await_ready() { return session_.StopCallbacks(); }
    void await_suspend(std::coroutine_handle<> waiter) {
      waiter_ = waiter;
      session_.waiter_ = this;
      session_.is_finishing_ = true;
    }
    void await_resume() const noexcept {}
    void OnReady() override { waiter_.resume(); }
    void Cancel() override {}

   private:
    Session& session_;
    std::coroutine_handle<> waiter_;
  };

  void Begin(const core::Context& here);
  void StartTrace();
  void StartPace();
  Nanos Expiry() const;
  // Not inlined: its frame is not needed for the life of the session.
  [[gnu::noinline]] core::Task<void> Connect();
  core::Task<bool> ClientGone();
  void BeginRelay(core::Waiter& pumps);
  int Survivor() const;
  bool MustLinger() const;
  // Not inlined: its frame is needed for a moment only, not for the life of the session.
  [[gnu::noinline]] core::Task<void> Linger();
  void Close();
  void EndOfStream(Flow& flow);
  void End(EndReason reason);
  void EnsureTimer(Nanos deadline);
  void OnTimer() override;
  void OnShutdown() override;
  Nanos NextDeadline(Nanos now);
  Nanos CheckDeadline(Nanos now, Nanos deadline, What what);
  bool StopCallbacks();
  void MaybeFinish();
  void FinishTrace();
  void CountEnd();
  [[gnu::noinline]] void GiveBack(Ticket& ticket);
  void Report();
  void WriteDebugLine(Nanos total);
  void WriteRecord(Nanos total);
  // Differs from that of every other session that began at the same time.
  uint64_t Seed() const {
    return static_cast<uint64_t>(started_) ^ static_cast<uint64_t>(client_) << 48;
  }
  By SideOf(int fd) const { return fd == client_ ? By::kClient : By::kUpstream; }
  Flow& Opposite(const Flow& flow) { return &flow == &up_ ? down_ : up_; }

  bool is_finishing_ = false;  // waiter_ is Quiet; here it takes no room
  const SessionContext& context_;
  const int client_;
  int upstream_ = -1;  // until it is connected
  EndpointSlot slot_;
  std::unique_ptr<Trace> trace_;  // null: no log asks for it
  std::unique_ptr<Pace> pace_;    // null: no limit of bandwidth
  core::CancelScope* scope_ = nullptr;
  core::Waiter* waiter_ = nullptr;  // what Run is suspended on: the two pumps, then Quiet
  Nanos started_ = 0;
  Nanos half_closed_ = 0;  // 0: both directions are open
  By first_fin_ = By::kClient;
  std::optional<EndReason> reason_;
  int error_ = 0;
  Flow up_{.owner = *this, .credit = context_.credit, .is_up = true};
  Flow down_{.owner = *this, .credit = context_.credit, .is_up = false};
};

void Session::StartTrace() {
  if (context_.access_log == nullptr && !context_.logger->enabled(core::LogLevel::kDebug)) return;
  trace_ = std::make_unique<Trace>();
  trace_->client = CurrentReactor().PeerAddress(client_);
}

void Session::StartPace() {
  const SessionBandwidth& bandwidth = context_.bandwidth;
  if (!bandwidth.limited()) return;
  pace_.reset(new Pace{.up = Pacer(bandwidth.per_connection, *bandwidth.up),
                       .down = Pacer(bandwidth.per_connection, *bandwidth.down)});
  up_.paced = down_.paced = true;
}

void Session::Begin(const core::Context& here) {
  scope_ = here.scope;
  started_ = Worker::Current()->now();
  StartTrace();
  Listen(context_.end_all, *here.task);
  EnsureTimer(Expiry());
}

// When max_lifetime is over; kNever: there is none.
Nanos Session::Expiry() const {
  const SessionTimeouts& limits = context_.timeouts;
  if (limits.max_lifetime == 0) return kNever;
  const Nanos full = started_ + limits.max_lifetime;
  if (limits.max_lifetime_jitter == 0) return full;
  return full - Jitter(limits.max_lifetime_jitter, Seed());
}

// A client that resets its connection while the upstream's is being made ends the attempt; one that
// has done so before it was accepted, or while it waited to be admitted, makes none.
core::Task<void> Session::Connect() {
  if (CurrentReactor().GetPeerState(client_) == core::PeerState::kReset) {
    error_ = ECONNRESET;
    End({By::kClient, What::kReset});
    co_return;
  }
  auto outcome = co_await core::Select(ConnectUpstream(context_, Seed()), ClientGone());
  Connected& connected = std::get<0>(outcome.values);
  upstream_ = connected.fd;
  slot_ = std::move(connected.slot);
  if (trace_ != nullptr) {
    trace_->endpoint = connected.endpoint;
    trace_->attempts = connected.attempts;
    trace_->queued = connected.queued;
  }
  if (upstream_ >= 0 || reason_) co_return;
  error_ = connected.error;
  if (outcome.first == 1) {
    error_ = ECONNRESET;
    End({By::kClient, What::kReset});
  } else {
    End({By::kProxy, connected.queue_timeout ? What::kQueueTimeout : What::kNoUpstream});
  }
}

// True: it is. Most connects are done before it is worth watching.
core::Task<bool> Session::ClientGone() {
  if (!co_await core::Sleep(kWatchClientAfter)) co_return false;
  (void)co_await core::Poll(client_, 0);  // until it is broken; its end of stream is no reason
  if (CurrentReactor().GetPeerState(client_) == core::PeerState::kReset) co_return true;
  // A UNIX client that has closed may have sent something before: that is still to be relayed.
  while (co_await core::Sleep(3600 * core::kSecond)) {
  }
  co_return false;
}

// The pumps are made and not started.
void Session::BeginRelay(core::Waiter& pumps) {
  up_.from = down_.to = client_;
  up_.to = down_.from = upstream_;
  const Nanos now = Worker::Current()->now();
  up_.last_byte = down_.last_byte = now;
  if (trace_ != nullptr) trace_->connected_at = now;
  StartPace();
  EnsureTimer(NextDeadline(now));  // if one has passed already, the pumps end at once
  waiter_ = &pumps;
}

void Session::SendBegins(Flow& flow, Nanos now) {
  if (trace_ != nullptr && trace_->first_byte_at < 0 && &flow == &down_) {
    trace_->first_byte_at = now;
  }
  if (context_.timeouts.write_stall != 0) EnsureTimer(now + context_.timeouts.write_stall);
  // It may have waited for bandwidth, and the timer with it.
  if (flow.paced) EnsureTimer(NextDeadline(now));
}

void Session::BuffersShort() {
  Worker& worker = *Worker::Current();
  core::Count(context_.stats->of(worker.index()).short_buffers);
  uint64_t suppressed = 0;
  if (!context_.buffer_throttle->Pass(worker.now(), suppressed)) return;
  context_.logger->Log(core::LogLevel::kWarn,
                       "buffers are short: data is forwarded in small pieces until slow receivers "
                       "have taken theirs (limits.buffer_memory; %d more times since the last line)",
                       suppressed);
}

bool Session::FlowEnded(Flow& flow, FlowEnd end, int error) {
  const By reader = SideOf(flow.from);
  switch (end) {
    case FlowEnd::kCancelled:
      return false;
    case FlowEnd::kWriteError:
      // What its owner sent before it broke may still be waiting to be read: the other flow goes on
      // until it finds the end. After an error that is not the connection's there may never be one.
      if (error_ == 0) error_ = error;
      if (Opposite(flow).ended || (error != EPIPE && error != ECONNRESET)) {
        End({SideOf(flow.to), What::kReset});
      }
      return false;
    case FlowEnd::kReadError:
      if (error_ == 0) error_ = error;
      End({reader, What::kReset});
      return false;
    case FlowEnd::kEndOfStream:
      EndOfStream(flow);
      return !reason_;
  }
  return false;
}

void Session::EndOfStream(Flow& flow) {
  const By reader = SideOf(flow.from);
  // A send may have consumed the error of a reset; then the read finds a clean end that is none.
  // Only one that is still in flight can have done so unseen.
  const Flow& writer = Opposite(flow);
  const bool writer_open = !writer.ended;
  if (writer.refused || (writer_open && writer.sending &&
                         CurrentReactor().GetPeerState(flow.from) == core::PeerState::kReset)) {
    End({reader, What::kReset});
    return;
  }
  if (!writer_open) {
    // The close that follows sends this side's FIN, unless it has to wait.
    if (context_.close_after_fin) (void)CurrentReactor().ShutdownWrite(flow.to);
    End({first_fin_, What::kClosed});
    return;
  }
  (void)CurrentReactor().ShutdownWrite(flow.to);  // fails only if that side is gone: its flow tells
  half_closed_ = Worker::Current()->now();
  first_fin_ = reader;
  if (context_.timeouts.half_close != 0) EnsureTimer(half_closed_ + context_.timeouts.half_close);
  if (context_.close_after_fin) End({first_fin_, What::kClosed});
}

// A UNIX peer that has closed is not told from one that was reset: it just does not receive.
void Session::ResetAfterEnd(Flow& flow) {
  if (CurrentReactor().GetPeerState(flow.from) != core::PeerState::kReset) return;
  if (error_ == 0) error_ = ECONNRESET;
  End({SideOf(flow.from), What::kReset});
}

// The first cause wins. Whatever still runs is asked to stop.
void Session::End(EndReason reason) {
  if (reason_) return;
  reason_ = reason;
  if (waiter_ != nullptr) {
    waiter_->Cancel();
  } else if (reason.what != What::kNoUpstream && reason.what != What::kQueueTimeout) {
    scope_->Cancel();
  }
}

void Session::EnsureTimer(Nanos deadline) {
  if (deadline == kNever || reason_) return;
  if (armed()) {
    if (deadline >= DeadlineTimer::deadline()) return;
    if (!Disarm()) return;  // it is about to fire and will look
  }
  Worker::Current()->wheel().Arm(*this, deadline, task());
}

void Session::OnShutdown() {
  End({By::kProxy, What::kShutdown});
  MaybeFinish();
}

void Session::OnTimer() {
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
  Nanos next = CheckDeadline(now, Expiry(), What::kMaxLifetime);
  if (upstream_ < 0) return next;  // not connected yet
  if (limits.write_stall != 0) {
    for (const Flow* flow : {&up_, &down_}) {
      if (!flow->sending) continue;
      next = std::min(next,
                      CheckDeadline(now, flow->last_byte + limits.write_stall, What::kWriteStall));
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
  Disarm();
  Unlisten();
  return !armed() && !listening();
}

// The last callback that Quiet waits for resumes the session.
void Session::MaybeFinish() {
  if (is_finishing_ && !armed() && !listening()) {
    is_finishing_ = false;
    waiter_->OnReady();
  }
}

// The side that was sent to by the one which has ended; -1: not connected.
int Session::Survivor() const {
  const By ended = reason_->what == What::kClosed ? first_fin_ : reason_->by;
  return ended == By::kClient ? upstream_ : client_;
}

// Whether the survivor may lack bytes that the close, which resets it, would drop.
bool Session::MustLinger() const {
  const bool cuts =
      reason_->what == What::kReset || (reason_->what == What::kClosed && context_.close_after_fin);
  return cuts && Survivor() >= 0;
}

// Waits, within bounds, until it has them.
[[gnu::noinline]] core::Task<void> Session::Linger() {
  const Nanos until = Worker::Current()->clock().Now() + kLinger;
  for (Nanos pause = kMillisecond; CurrentReactor().UnsentBytes(Survivor()) > 0; pause *= 2) {
    if (Worker::Current()->clock().Now() >= until) break;
    if (!co_await core::Sleep(std::min(pause, 50 * kMillisecond))) break;
  }
}

// A clean end is shown only after a clean end.
void Session::Close() {
  core::Reactor& reactor = CurrentReactor();
  for (const int fd : {upstream_, client_}) {
    if (fd < 0) continue;
    if (reason_->what != What::kClosed) reactor.SetResetOnClose(fd);
    if (fd == upstream_ && slot_.counted()) {
      reactor.CloseNow(fd);
    } else {
      reactor.Close(fd);
    }
  }
}

// What is known only while the sockets are open.
void Session::FinishTrace() {
  if (trace_ == nullptr || context_.access_log == nullptr) return;
  trace_->client_path = CurrentReactor().GetPathQuality(client_);
  if (upstream_ >= 0) trace_->upstream_path = CurrentReactor().GetPathQuality(upstream_);
}

void Session::CountEnd() {
  WorkerStats& stats = context_.stats->of(Worker::Current()->index());
  core::Count(stats.ended[static_cast<size_t>(reason_->what)]);
}

// Before the log tells: who reads of the end may take the place. Not inlined: what it needs would
// be held in the session's frame.
[[gnu::noinline]] void Session::GiveBack(Ticket& ticket) {
  slot_ = EndpointSlot();
  ticket = Ticket();
}

void Session::Report() {
  if (trace_ == nullptr) return;
  const Nanos total = Worker::Current()->clock().Now() - started_;
  if (context_.access_log != nullptr) WriteRecord(total);
  if (context_.logger->enabled(core::LogLevel::kDebug)) WriteDebugLine(total);
}

void Session::WriteDebugLine(Nanos total) {
  context_.logger->Log(
      core::LogLevel::kDebug,
      "session end listener=%s client=%s endpoint=%s reason=%s by=%s up=%d down=%d attempts=%d "
      "ms=%d%s",
      context_.listener, EscapedName(trace_->client.ToString()),
      trace_->endpoint == nullptr ? "-" : EscapedName(trace_->endpoint->name), Name(reason_->what),
      Name(reason_->by), up_.bytes, down_.bytes, trace_->attempts, total / kMillisecond,
      error_ == 0 ? "" : absl::StrCat(" error=", strerrorname_np(error_)));
}

void Session::WriteRecord(Nanos total) {
  const auto since_start = [this](Nanos at) { return at < 0 ? at : at - started_; };
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  context_.access_log->Write(
      {.begin_us =
           std::chrono::duration_cast<std::chrono::microseconds>(now).count() - total / 1000,
       .listener = context_.listener,
       .client = trace_->client,
       .upstream = context_.cluster->name(),
       .endpoint = trace_->endpoint == nullptr ? std::string_view() : trace_->endpoint->name,
       .attempts = static_cast<uint32_t>(trace_->attempts),
       .queue = trace_->queued,
       .connect = since_start(trace_->connected_at),
       .first_byte = since_start(trace_->first_byte_at),
       .total = total,
       .bytes_up = up_.bytes,
       .bytes_down = down_.bytes,
       .reason = *reason_,
       .error = error_,
       .client_path = trace_->client_path,
       .upstream_path = trace_->upstream_path});
}

// One frame for the life of the session: everything that lasts is in it, everything else is not.
core::Root<void> Session::Run(const SessionContext& context, int client, Ticket ticket) {
  Session session(context, client);
  session.Begin(co_await core::CurrentContext());
  co_await session.Connect();
  if (session.upstream_ >= 0) {
    auto pumps = core::Join(Pump(session.up_), Pump(session.down_));
    session.BeginRelay(pumps);
    co_await pumps;
  }
  co_await Quiet{session};
  session.FinishTrace();
  if (session.MustLinger()) co_await session.Linger();
  session.Close();
  session.CountEnd();
  session.GiveBack(ticket);
  session.Report();
}

}  // namespace

core::Root<void> RunSession(const SessionContext& context, int client, Ticket ticket) {
  return Session::Run(context, client, std::move(ticket));
}

}  // namespace sluice::proxy
