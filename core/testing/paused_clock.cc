#include "core/testing/paused_clock.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/check.h"
#include "core/sched/worker.h"

namespace sluice::core::testing {

// Passes everything on to a real reactor, but for how a worker waits.
class PausedReactor final : public Reactor {
 public:
  PausedReactor(PausedClock& clock, std::unique_ptr<Reactor> reactor, const BufferPool& pool)
      : clock_(clock), reactor_(std::move(reactor)), pool_(pool) {
    seat_.reactor = reactor_.get();
    clock_.AddSeat(seat_);
  }
  ~PausedReactor() override { clock_.RemoveSeat(seat_); }

  bool Submit(Op& op) override { return Real().Submit(op); }
  void Cancel(Op& op) override { Real().Cancel(op); }
  bool Retry(Op& op) override { return Real().Retry(op); }
  IoResult<int> OpenSocket(int family) override { return Real().OpenSocket(family); }
  void Close(int fd) override { Real().Close(fd); }
  void CloseNow(int fd) override { Real().CloseNow(fd); }
  void Trim() override { Real().Trim(); }
  int64_t in_flight() const override { return reactor_->in_flight(); }

  void Turn(std::optional<Duration> timeout, uint32_t limit) override {
    if (timeout == 0ns) return TurnReal(timeout, limit);
    Worker& worker = *Worker::Current();
    const uint64_t tasks = worker.counters().tasks.load(std::memory_order_relaxed);
    if (clock_.MustPoll(seat_, tasks)) {
      return TurnReal(reactor_->in_flight() > 0 ? clock_.io_grace_ : 0ns, limit);
    }
    OptionalInstant deadline = worker.wheel().NextDeadline();
    if (timeout.has_value()) {
      const Instant at = clock_.Now() + *timeout;
      deadline = std::min(deadline.value_or(at), at);
    }
    if (!clock_.SitDown(seat_, deadline)) return;
    TurnReal(std::nullopt, limit);
    clock_.StandUp(seat_);
  }

 protected:
  bool TryWake() override {
    clock_.Wake(seat_);
    return true;
  }

 private:
  // A backend takes the thread's reactor for one of its own.
  Reactor& Real() {
    SetCurrent(reactor_.get(), &pool_);
    return *reactor_;
  }

  void TurnReal(std::optional<Duration> timeout, uint32_t limit) {
    Real().Turn(timeout, limit);
    const ReactorCounters& real = reactor_->counters();
    const auto copy = [](const Atomic<uint64_t>& from, Atomic<uint64_t>& to) {
      to.store(from.load(std::memory_order_relaxed), std::memory_order_relaxed);
    };
    copy(real.turns, counters_.turns);
    copy(real.enters, counters_.enters);
    copy(real.ops, counters_.ops);
    copy(real.immediate, counters_.immediate);
    copy(real.migrated, counters_.migrated);
    copy(real.entries, counters_.entries);
    copy(real.completions, counters_.completions);
    copy(real.recvs, counters_.recvs);
    copy(real.received, counters_.received);
    copy(real.starved, counters_.starved);
    copy(real.reserved, counters_.reserved);
    copy(real.stocked, counters_.stocked);
  }

  PausedClock& clock_;
  const std::unique_ptr<Reactor> reactor_;
  const BufferPool& pool_;
  PausedClock::Seat seat_;
};

Instant PausedClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

uint64_t PausedClock::jumps() const {
  absl::MutexLock lock(&mutex_);
  return jumps_;
}

ReactorFactory PausedClock::Pausing(ReactorFactory make_reactor) {
  return [this, make_reactor = std::move(make_reactor)](
             BufferPool& pool) -> absl::StatusOr<std::unique_ptr<Reactor>> {
    absl::StatusOr<std::unique_ptr<Reactor>> reactor = make_reactor(pool);
    if (!reactor.ok()) return reactor.status();
    return std::make_unique<PausedReactor>(*this, *std::move(reactor), pool);
  };
}

void PausedClock::Advance(Duration by) {
  SLUICE_CHECK_USE(by >= 0ns, "time never goes back");
  absl::MutexLock lock(&mutex_);
  now_ += by;
  WakeDue();
}

void PausedClock::AddHold(int by) {
  NodeQueue quieted;
  {
    absl::MutexLock lock(&mutex_);
    holds_ += by;
    MaybeJump(quieted);
  }
  PostAll(quieted);
}

void PausedClock::AddSeat(Seat& seat) {
  absl::MutexLock lock(&mutex_);
  seats_.push_back(&seat);
}

void PausedClock::RemoveSeat(Seat& seat) {
  absl::MutexLock lock(&mutex_);
  std::erase(seats_, &seat);
}

void PausedClock::Wake(Seat& seat) {
  {
    absl::MutexLock lock(&mutex_);
    seat.woken = true;
  }
  seat.reactor->Wake();
}

bool PausedClock::MustPoll(Seat& seat, uint64_t tasks) {
  absl::MutexLock lock(&mutex_);
  if (tasks != seat.tasks) {
    seat.tasks = tasks;
    ++epoch_;
  } else if (seat.polled && seat.epoch == epoch_) {
    return false;
  }
  seat.polled = true;
  seat.epoch = epoch_;
  return true;
}

bool PausedClock::SitDown(Seat& seat, OptionalInstant deadline) {
  NodeQueue quieted;
  bool may_sleep = false;
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(seat.woken, false)) {
      seat.polled = false;
      return false;
    }
    seat.deadline = deadline;
    seat.in_flight = seat.reactor->in_flight();
    seat.idle = true;
    WakeDue();
    if (seat.idle) MaybeJump(quieted);
    if (!quieted.empty()) seat.idle = false;  // they come to this worker
    if (!seat.idle) seat.polled = false;
    may_sleep = seat.idle;
  }
  PostAll(quieted);
  return may_sleep;
}

void PausedClock::StandUp(Seat& seat) {
  absl::MutexLock lock(&mutex_);
  seat.idle = false;
  seat.woken = false;
  seat.polled = false;
}

void PausedClock::MaybeJump(NodeQueue& quieted) {
  if (holds_ > 0) return;
  OptionalInstant next;
  bool all_have_asked = true;
  for (Seat* seat : seats_) {
    if (!seat->idle || seat->woken) return;
    if (seat->epoch != epoch_) {
      all_have_asked = false;
      seat->reactor->Wake();
    }
    if (seat->deadline.has_value())
      next = std::min(*seat->deadline, next.value_or(*seat->deadline));
  }
  if (!all_have_asked) return;
  if (!settling_.empty()) return Quiet(settling_, quieted);
  if (!next.has_value()) {
    const bool in_flight =
        std::ranges::any_of(seats_, [](const Seat* seat) { return seat->in_flight != 0; });
    if (!in_flight) Quiet(stuck_, quieted);
    return;
  }
  now_ = std::max(now_, *next);
  ++jumps_;
  WakeDue();
}

void PausedClock::Quiet(NodeQueue& queue, NodeQueue& quieted) {
  while (!queue.empty()) {
    auto& awaiter = static_cast<QuietAwaiter&>(*queue.Pop());
    awaiter.quiet_ = true;
    quieted.Push(awaiter);
  }
}

void PausedClock::PostAll(NodeQueue& quieted) {
  while (!quieted.empty()) {
    auto& awaiter = static_cast<QuietAwaiter&>(*quieted.Pop());
    awaiter.task_->Post(awaiter);
  }
}

PausedClock::QuietAwaiter PausedClock::Settled() { return {*this, settling_}; }
PausedClock::QuietAwaiter PausedClock::Stuck() { return {*this, stuck_}; }

void PausedClock::QuietAwaiter::Cancel() {
  {
    absl::MutexLock lock(&clock_.mutex_);
    if (!queue_.Remove(*this)) return;  // it is on its way
  }
  task_->Post(*this);
}

// Those that sleep have to look at their timers.
void PausedClock::WakeDue() {
  for (Seat* seat : seats_) {
    if (!seat->idle || !seat->deadline.has_value() || *seat->deadline > now_) continue;
    seat->idle = false;
    seat->reactor->Wake();
  }
}

}  // namespace sluice::core::testing
