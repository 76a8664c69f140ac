#include "proxy/session/session.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "core/base/random.h"
#include "core/io/io.h"
#include "core/sched/worker.h"
#include "core/task/join.h"
#include "core/time/sleep.h"
#include "proxy/observe/access_log/record_text.h"
#include "proxy/session/pacer.h"
#include "proxy/upstream/connector.h"

namespace sluice::proxy {
namespace {

using core::kMillisecond;
using core::Nanos;
using core::Worker;

// After the end of a session: how long its reader has to take something of what was sent before.
constexpr Nanos kGrace = core::kSecond;
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
    Delivered();
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
    // Of the bytes that were accepted: what a reset has cut. No socket's queue is longer.
    uint32_t undelivered_up = 0;
    uint32_t undelivered_down = 0;
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

  [[gnu::noinline]] void Begin(const core::Context& here);
  void StartTrace();
  void StartPace();
  Nanos Expiry() const;
  // Not inlined: its frame is not needed for the life of the session.
  [[gnu::noinline]] core::Task<void> Connect();
  core::Task<bool> ClientGone();
  [[gnu::noinline]] void BeginRelay(core::Waiter& pumps);
  bool MayLinger() const;
  bool MayLinger(const Flow& flow, Nanos now) const;
  bool StillTakes(Flow& flow, Nanos begun, Nanos now);
  // Not inlined: its frame is needed for a moment only, not for the life of the session.
  [[gnu::noinline]] core::Task<void> Linger();
  // Not inlined: what it needs would be held in the session's frame.
  [[gnu::noinline]] void Close(Ticket& ticket);
  void CloseClient();
  void CloseUpstream();
  void NoteUndelivered(const Flow& flow);
  void EndOfStream(Flow& flow);
  bool IsShownLast(const Flow& flow) const;
  void End(EndReason reason);
  void EnsureTimer(Nanos deadline);
  void OnTimer() override;
  void OnShutdown() override;
  core::Delivery Look(Flow& flow, Nanos now);
  bool LookForProgress(Nanos now);
  Nanos NextDeadline(Nanos now);
  Nanos CheckDeadline(Nanos now, Nanos deadline, What what);
  bool StopCallbacks();
  void MaybeFinish();
  [[gnu::noinline]] void FinishTrace();
  [[gnu::noinline]] void CountEnd();
  [[gnu::noinline]] void Report();
  void WriteDebugLine(Nanos total);
  void WriteRecord(Nanos total);
  // Differs from that of every other session that began at the same time.
  uint64_t Seed() const {
    return static_cast<uint64_t>(started_) ^ static_cast<uint64_t>(client_) << 48;
  }
  static By SenderOf(const Flow& flow) { return flow.is_up ? By::kClient : By::kUpstream; }
  static By ReceiverOf(const Flow& flow) { return flow.is_up ? By::kUpstream : By::kClient; }
  Flow& Opposite(const Flow& flow) { return &flow == &up_ ? down_ : up_; }

  bool is_finishing_ = false;  // waiter_ is Quiet; here it takes no room
  const SessionContext& context_;
  int client_;         // -1: closed
  int upstream_ = -1;  // until it is connected, and when it is closed
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
  // What the kernel said that the peers have taken, when it was asked last.
  uint32_t taken_up_ = 0;
  uint32_t taken_down_ = 0;
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
  Register(context_.end_all, *here.task);
  EnsureTimer(Expiry());
}

// When max_lifetime is over; kNever: there is none.
Nanos Session::Expiry() const {
  const SessionTimeouts& limits = context_.timeouts;
  if (limits.max_lifetime == 0) return kNever;
  const Nanos full = started_ + limits.max_lifetime;
  if (limits.max_lifetime_jitter == 0) return full;
  return full - core::Jitter(limits.max_lifetime_jitter, Seed());
}

// A client that resets its connection while the upstream's is being made ends the attempt; one that
// has done so before it was accepted, or while it waited to be admitted, makes none.
core::Task<void> Session::Connect() {
  if (CurrentReactor().GetPeerState(client_) == core::PeerState::kReset) {
    error_ = ECONNRESET;
    End({By::kClient, What::kReset});
    co_return;
  }
  auto outcome = co_await core::Select(ConnectUpstream({.cluster = *context_.cluster,
                                                        .timeout = context_.timeouts.connect,
                                                        .stats = *context_.stats,
                                                        .logger = *context_.logger},
                                                       Seed()),
                                       ClientGone());
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
  if (context_.timeouts.look_every != 0) EnsureTimer(now + context_.timeouts.look_every);
  // It may have waited for bandwidth, and the timer with it.
  if (flow.paced) EnsureTimer(NextDeadline(now));
}

void Session::BuffersShort() {
  Worker& worker = *Worker::Current();
  core::Count(context_.stats->of(worker.index()).short_buffers);
  uint64_t suppressed = 0;
  if (!context_.short_throttle->Pass(worker.now(), suppressed)) return;
  context_.logger->Log(
      core::LogLevel::kWarn,
      "buffers are short: data is forwarded in small pieces until slow receivers "
      "have taken theirs (limits.buffer_memory; %d more times since the last line)",
      suppressed);
}

bool Session::FlowEnded(Flow& flow, FlowEnd end, int error) {
  const By reader = SenderOf(flow);
  switch (end) {
    case FlowEnd::kCancelled:
      return false;
    case FlowEnd::kWriteError:
      // What its owner sent before it broke may still be waiting to be read: the other flow goes on
      // until it finds the end. After an error that is not the connection's there may never be one.
      if (error_ == 0) error_ = error;
      if (Opposite(flow).ended || (error != EPIPE && error != ECONNRESET)) {
        End({ReceiverOf(flow), What::kReset});
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
  const By reader = SenderOf(flow);
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
  half_closed_ = Worker::Current()->now();
  first_fin_ = reader;
  if (context_.close_after_fin) {
    if (!IsShownLast(flow)) (void)CurrentReactor().ShutdownWrite(flow.to);
    End({first_fin_, What::kClosed});
    return;
  }
  (void)CurrentReactor().ShutdownWrite(flow.to);  // fails only if that side is gone: its flow tells
  const SessionTimeouts& limits = context_.timeouts;
  if (limits.half_close != 0) EnsureTimer(half_closed_ + QuarterOf(limits.half_close));
  if (limits.look_every != 0) EnsureTimer(half_closed_ + limits.look_every);
}

// Whether this end of stream, which ends the session, can wait for Close: then a client that comes
// again as soon as it has seen it finds its places free. Not when it would wait for other bytes.
bool Session::IsShownLast(const Flow& flow) const {
  if (flow.is_up) return false;
  const core::Delivery delivery = CurrentReactor().GetDelivery(flow.to);
  return delivery.pending == 0 || delivery.kept;
}

// A UNIX peer that has closed is not told from one that was reset: it just does not receive.
void Session::ResetAfterEnd(Flow& flow) {
  if (CurrentReactor().GetPeerState(flow.from) != core::PeerState::kReset) return;
  if (error_ == 0) error_ = ECONNRESET;
  End({SenderOf(flow), What::kReset});
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

// Notes when the peer has last taken something of what it was sent. This is asked for when a timer
// fires, so it costs nothing per byte; what was never sent to needs no question.
core::Delivery Session::Look(Flow& flow, Nanos now) {
  if (flow.bytes == 0 && !flow.sending) return {};
  const core::Delivery delivery = CurrentReactor().GetDelivery(flow.to);
  uint32_t& before = flow.is_up ? taken_up_ : taken_down_;
  const auto taken = static_cast<uint32_t>(delivery.taken);
  if (taken != before) flow.last_byte = std::max(flow.last_byte, now - delivery.quiet_for);
  before = taken;
  return delivery;
}

// True: there may be more to see soon.
bool Session::LookForProgress(Nanos now) {
  const bool up = Look(up_, now).pending > 0 || up_.sending;
  const bool down = Look(down_, now).pending > 0 || down_.sending;
  return up || down;
}

// Ends the session if a deadline has passed; else when to look again, kNever for never.
Nanos Session::NextDeadline(Nanos now) {
  const SessionTimeouts& limits = context_.timeouts;
  Nanos next = CheckDeadline(now, Expiry(), What::kMaxLifetime);
  if (upstream_ < 0) return next;  // not connected yet
  const bool look_again = LookForProgress(now);
  if (look_again && limits.look_every != 0) next = std::min(next, now + limits.look_every);
  if (limits.write_stall != 0) {
    for (const Flow* flow : {&up_, &down_}) {
      if (!flow->sending) continue;
      next = std::min(next,
                      CheckDeadline(now, flow->last_byte + limits.write_stall, What::kWriteStall));
    }
  }
  if (half_closed_ != 0 && limits.half_close != 0) {
    // Of the direction that goes on, and of what was sent before the end of the other.
    const Nanos last = std::max({half_closed_, up_.last_byte, down_.last_byte});
    next = std::min({next, now + QuarterOf(limits.half_close),
                     CheckDeadline(now, last + limits.half_close, What::kHalfCloseTimeout)});
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
  Unregister();
  return !armed() && !registered();
}

// The last callback that Quiet waits for resumes the session.
void Session::MaybeFinish() {
  if (is_finishing_ && !armed() && !registered()) {
    is_finishing_ = false;
    waiter_->OnReady();
  }
}

// Whether the close may drop bytes that their reader still takes. At the end of drain_timeout it
// does, and after a timeout that no progress has stopped there is no such reader.
bool Session::MayLinger() const {
  if (upstream_ < 0) return false;
  switch (reason_->what) {
    case What::kReset:
    case What::kWriteStall:
    case What::kMaxLifetime:
      return true;
    case What::kClosed:
      return context_.close_after_fin;
    default:
      return false;
  }
}

bool Session::MayLinger(const Flow& flow, Nanos now) const {
  switch (reason_->what) {
    case What::kReset:
      return SenderOf(flow) == reason_->by;
    case What::kClosed:
      return SenderOf(flow) == first_fin_;
    case What::kWriteStall:  // the other direction
      return now < flow.last_byte + context_.timeouts.write_stall;
    default:
      return true;
  }
}

bool Session::StillTakes(Flow& flow, Nanos begun, Nanos now) {
  const core::Delivery delivery = Look(flow, now);
  if (delivery.pending == 0 || delivery.kept) return false;
  return now < std::max(begun, flow.last_byte) + kGrace;
}

// Waits, within bounds, until those who may take more have it all. The others are closed meanwhile,
// but for a client that could take its end for a free place.
[[gnu::noinline]] core::Task<void> Session::Linger() {
  constexpr Nanos kShortPauses = 50 * kMillisecond;
  constexpr Nanos kLongPauses = 250 * kMillisecond;
  const Nanos begun = Worker::Current()->clock().Now();
  bool up = MayLinger(up_, begun);
  bool down = MayLinger(down_, begun);
  const bool client_may_go = reason_->what != What::kClosed && reason_->what != What::kMaxLifetime;
  up_.last_byte = down_.last_byte = begun;  // it may be in the future when the session is paced
  Nanos now = begun;
  for (Nanos pause = kMillisecond;; pause *= 2) {
    up = up && StillTakes(up_, begun, now);
    down = down && StillTakes(down_, begun, now);
    if (!up && !down) break;
    if (!up && upstream_ >= 0) CloseUpstream();
    if (!down && client_ >= 0 && client_may_go) CloseClient();
    if (context_.end_all.cancelled()) break;
    pause = std::min(pause, now < begun + kGrace ? kShortPauses : kLongPauses);
    if (!co_await core::Sleep(pause)) break;
    now = Worker::Current()->clock().Now();
    if (context_.timeouts.linger != 0 && now >= begun + context_.timeouts.linger) break;
  }
}

// Before the log tells: who reads of the end may take the place. And before the client is told: who
// sees the end may come again.
[[gnu::noinline]] void Session::Close(Ticket& ticket) {
  if (upstream_ >= 0) CloseUpstream();
  CountEnd();
  ticket = Ticket();
  if (client_ >= 0) CloseClient();
}

// A clean end is shown only after a clean end.
void Session::CloseUpstream() {
  core::Reactor& reactor = CurrentReactor();
  NoteUndelivered(up_);
  if (reason_->what != What::kClosed) reactor.SetResetOnClose(upstream_);
  if (slot_.counted()) {
    reactor.CloseNow(upstream_);
  } else {
    reactor.Close(upstream_);
  }
  upstream_ = -1;
  slot_ = EndpointSlot();
}

void Session::CloseClient() {
  core::Reactor& reactor = CurrentReactor();
  NoteUndelivered(down_);
  if (reason_->what != What::kClosed) {
    reactor.SetResetOnClose(client_);
  } else if (context_.close_after_fin) {
    // What it still sends turns the close into a reset: the end of stream goes first.
    (void)reactor.ShutdownWrite(client_);
  }
  reactor.Close(client_);
  client_ = -1;
}

// Of what was accepted for this direction, what its reader had not acknowledged when it was reset.
void Session::NoteUndelivered(const Flow& flow) {
  if (trace_ == nullptr || flow.to < 0) return;
  core::Reactor& reactor = CurrentReactor();
  const core::Delivery delivery = reactor.GetDelivery(flow.to);
  if (delivery.pending == 0 || delivery.kept) return;
  if (reason_->what == What::kClosed && reactor.UnreadBytes(flow.to) == 0) return;
  const uint64_t end_of_stream = half_closed_ != 0 && SenderOf(flow) == first_fin_ ? 1 : 0;
  uint32_t& undelivered = flow.is_up ? trace_->undelivered_up : trace_->undelivered_down;
  undelivered =
      static_cast<uint32_t>(std::min<uint64_t>(delivery.pending - end_of_stream, flow.bytes));
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
      "ms=%d%s%s",
      context_.listener, EscapedName(trace_->client.ToString()),
      trace_->endpoint == nullptr ? "-" : EscapedName(trace_->endpoint->name), Name(reason_->what),
      Name(reason_->by), up_.bytes, down_.bytes, trace_->attempts, total / kMillisecond,
      error_ == 0 ? "" : absl::StrCat(" error=", strerrorname_np(error_)),
      trace_->undelivered_up == 0 && trace_->undelivered_down == 0
          ? ""
          : absl::StrCat(" undelivered_up=", trace_->undelivered_up,
                         " undelivered_down=", trace_->undelivered_down));
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
       .upstream_path = trace_->upstream_path,
       .undelivered_up = trace_->undelivered_up,
       .undelivered_down = trace_->undelivered_down});
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
  if (session.MayLinger()) co_await session.Linger();
  session.Close(ticket);
  session.Report();
}

}  // namespace

core::Root<void> RunSession(const SessionContext& context, int client, Ticket ticket) {
  return Session::Run(context, client, std::move(ticket));
}

}  // namespace sluice::proxy
