// Cases of an Mpsc for the driver of cancellations: run with the channel as it is
// (mpsc_cancel_test.cc), and with mistakes planted in it (driver_mutant_test.cc).
#ifndef SLUICE_TESTS_CORE_SYNC_MPSC_CASES_H_
#define SLUICE_TESTS_CORE_SYNC_MPSC_CASES_H_

#include <string>
#include <tuple>

#include "core/sync/mpsc.h"
#include "tests/core/support/cancel_driver.h"
#include "tests/core/support/counted.h"

namespace sluice::core::testing {

// Two receives, one at a time, and two values.
struct ReceiveCase {
  ReceiveCase() { std::tie(sender, receiver) = Mpsc<MoveOnly>::Make(2); }
  Task<bool> Wait(int) {
    if (busy) co_return false;  // one receive at a time
    busy = true;
    auto value = co_await receiver.Next();
    busy = false;
    if (!value.ok()) co_return false;
    in_order = in_order && value->number() == next++;
    co_return true;
  }
  void Grant(int i) { sent += sender.TrySend(MoveOnly(counts, i)).ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    if (sent != run.given || !in_order) return "a send failed, or the order is wrong";
    if (run.got + counts.alive != run.given) return "a value was lost or doubled";
    if (static_cast<size_t>(counts.alive) != receiver.size()) return "a value is somewhere else";
    return run.waiting > 0 && counts.alive > 0 ? "one waits though there is a value" : "";
  }

  ValueCounts counts;
  Mpsc<MoveOnly>::Sender sender;
  Mpsc<MoveOnly>::Receiver receiver;
  bool busy = false;
  bool in_order = true;
  int next = 0;
  int sent = 0;
};

// Two sends into a full channel; a grant takes a value out.
struct SendCase {
  SendCase() {
    std::tie(sender, receiver) = Mpsc<MoveOnly>::Make(1);
    (void)sender.TrySend(MoveOnly(counts, 9));
  }
  Task<bool> Wait(int i) {
    auto sent = co_await sender.Send(MoveOnly(counts, i));
    if (!sent.ok() && sent.TakeUnsent().number() != i) wrong = "not given back";
    co_return sent.ok();
  }
  void Grant(int) { received += receiver.TryNext().ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    if (!wrong.empty()) return wrong;
    const int queued = static_cast<int>(receiver.size());
    if (run.got + 1 != received + queued) return "a value was lost or doubled";
    if (counts.alive != queued + run.waiting) return "a value was leaked";
    return run.waiting > 0 && queued == 0 ? "one waits though a slot is free" : "";
  }

  ValueCounts counts;
  Mpsc<MoveOnly>::Sender sender;
  Mpsc<MoveOnly>::Receiver receiver;
  std::string wrong;
  int received = 0;
};

// The same with permits, which are dropped or used.
struct ReserveCase {
  ReserveCase() {
    std::tie(sender, receiver) = Mpsc<MoveOnly>::Make(1);
    (void)sender.TrySend(MoveOnly(counts, 9));
  }
  Task<bool> Wait(int i) {
    auto permit = co_await sender.Reserve();
    if (!permit.ok()) co_return false;
    if (i == 0) {
      ++unused;
    } else {
      permit->Send(MoveOnly(counts, i));
    }
    co_return true;
  }
  void Grant(int) { received += receiver.TryNext().ok() ? 1 : 0; }
  std::string Check(const CancelRun& run) {
    const int queued = static_cast<int>(receiver.size());
    if (run.got - unused + 1 != received + queued) return "a value was lost or doubled";
    if (run.waiting > 0 && queued == 0) return "one waits though a slot is free";
    if (queued == 0 && !sender.TryReserve().ok()) return "a slot was lost";
    return "";
  }

  ValueCounts counts;
  Mpsc<MoveOnly>::Sender sender;
  Mpsc<MoveOnly>::Receiver receiver;
  int unused = 0;
  int received = 0;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SYNC_MPSC_CASES_H_
