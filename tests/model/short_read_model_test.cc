// A short read is taken to mean that nothing is left. When the peer has ended its stream that may
// be wrong; `try_anyway` then says so, in time: no end of stream is left unread.
//
// Readiness and Descriptor are the real ones; EpollReactor::Advance, PerformRecv and Dispatch are
// transcribed.
#include "core/base/check.h"
#include "epoll/descriptor_table.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

struct Mistakes {
  bool no_try_anyway = false;
  bool signals_first = false;  // and then says that reads may leave something behind
};

struct State {
  explicit State(const Mistakes& mistakes) : mistakes(mistakes) {}

  enum class Read { kAgain, kByte, kEnd };

  // The socket.
  void Arrive(bool byte, bool end) {
    socket.Lock();
    bytes += byte ? 1 : 0;
    ended |= end;
    socket.Unlock();
  }
  Read Receive() {
    socket.Lock();
    const Read read = bytes > 0 ? Read::kByte : ended ? Read::kEnd : Read::kAgain;
    if (read == Read::kByte) --bytes;
    socket.Unlock();
    return read;
  }

  // The task: one recv.
  Read Recv() {
    for (;;) {
      if (readiness.ready() || descriptor.try_anyway.load(std::memory_order_acquire)) {
        readiness.Clear();
        const Read read = Receive();
        if (read != Read::kAgain) return read;  // short, if it is a byte: the word stays cleared
      }
      if (readiness.Park(op)) posted.Wait();
    }
  }
  void Stream() {
    while (Recv() != Read::kEnd) ++received;
  }

  // The reactor.
  void Dispatch(bool end) {
    if (end && !mistakes.no_try_anyway && !mistakes.signals_first) TryAnyway();
    if (readiness.Signal() != nullptr) posted.Set();
    if (end && mistakes.signals_first) TryAnyway();
  }
  void TryAnyway() { descriptor.try_anyway.store(true, std::memory_order_release); }

  const Mistakes mistakes;
  epoll::Descriptor descriptor;
  epoll::Readiness& readiness = descriptor.directions[epoll::kIn];
  core::SingleShotOp op{core::OpKind::kPoll, 0};
  ModelMutex socket;
  Signal posted;
  int bytes = 0;
  bool ended = false;
  int received = 0;
};

// A byte and the end, in one event or in two.
Model ByteAndEnd(bool together, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    run.Thread("task", [&s] { s.Stream(); });
    run.Thread("reactor", [&s, together] {
      s.Arrive(true, together);
      s.Dispatch(together);
      if (together) return;
      s.Arrive(false, true);
      s.Dispatch(true);
    });
    run.Finally([&s] { SLUICE_CHECK(s.received == 1); });
  };
}

TEST(ShortRead, EndInTheSameEvent) { ExpectHolds(ByteAndEnd(true)); }
TEST(ShortRead, EndInTheNextEvent) { ExpectHolds(ByteAndEnd(false)); }

TEST(ShortReadMutant, NoTryAnyway) { ExpectFails(ByteAndEnd(true, {.no_try_anyway = true})); }
TEST(ShortReadMutant, SignalsFirst) { ExpectFails(ByteAndEnd(true, {.signals_first = true})); }
TEST(ShortReadMutant, SignalWithoutRelease) {
  ExpectCaught(ByteAndEnd(true), {"Signal(", Action::kUpdate, -1, std::memory_order_acquire});
}

}  // namespace
}  // namespace sluice::model
