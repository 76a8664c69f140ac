// Readiness, the real header, with the way EpollReactor::Advance, Dispatch and Cancel use it
// (transcribed): no edge is lost, and a parked op is handed out exactly once.
#include <memory>

#include "core/base/check.h"
#include "epoll/descriptor_table.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

struct Mistakes {
  bool clear_after_call = false;        // I2 broken
  bool waits_after_ready_park = false;  // the answer of Park is not looked at
  bool posts_after_remove = false;      // the answer of Remove is not looked at
};

struct State {
  explicit State(const Mistakes& mistakes) : mistakes(mistakes) {}

  // The socket: bytes that are there.
  bool Read() {
    socket.Lock();
    const bool found = bytes > 0;
    if (found) --bytes;
    socket.Unlock();
    return found;
  }
  void Arrive() {
    socket.Lock();
    ++bytes;
    socket.Unlock();
  }

  // The task: one recv, as EpollReactor::Advance makes it.
  void Recv() {
    for (;;) {
      if (readiness.ready()) {
        if (!mistakes.clear_after_call) readiness.Clear();
        if (Read()) {
          readiness.Set();  // there may be more
          return;
        }
        if (mistakes.clear_after_call) readiness.Clear();
      }
      request.Set(request.Get() + 1);  // the op's fields, before Park
      parked = true;
      if (!readiness.Park(op) && !mistakes.waits_after_ready_park) {
        parked = false;
        continue;
      }
      if (cancels) {
        cancels = false;
        if (Cancel()) return;
      }
      posted.Wait();
    }
  }
  // True: it ended the op.
  bool Cancel() {
    if (readiness.Remove(op) || mistakes.posts_after_remove) {
      SLUICE_CHECK(parked);
      parked = false;
      cancelled = true;
      return true;
    }
    return false;
  }

  // The reactor, for one edge.
  void Dispatch() {
    core::Op* out = readiness.Signal();
    if (out == nullptr) return;
    SLUICE_CHECK(out == &op && parked);
    parked = false;
    request.Set(request.Get() + 1);
    posted.Set();
  }

  const Mistakes mistakes;
  epoll::Readiness readiness;
  core::SingleShotOp op{core::OpKind::kPoll, 0};
  Cell<int> request{"the op's fields"};
  ModelMutex socket;
  Signal posted;
  int bytes = 0;
  bool parked = false;  // between Park and what takes it out
  bool cancels = false;
  bool cancelled = false;
};

// `events`: edges without bytes before those that bring some; `recvs` bytes arrive and are read.
Model Receiving(int recvs, int stale_edges, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    run.Thread("task", [&s, recvs] {
      for (int i = 0; i < recvs; ++i) s.Recv();
    });
    run.Thread("reactor", [&s, recvs, stale_edges] {
      for (int i = 0; i < stale_edges; ++i) s.Dispatch();
      for (int i = 0; i < recvs; ++i) {
        s.Arrive();
        s.Dispatch();
      }
    });
    run.Finally([&s] { SLUICE_CHECK(s.bytes == 0 && !s.parked); });
  };
}

// The task cancels its recv while the byte arrives.
Model Cancelling(const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    s.cancels = true;
    run.Thread("task", [&s] { s.Recv(); });
    run.Thread("reactor", [&s] {
      s.Arrive();
      s.Dispatch();
    });
    run.Finally([&s] { SLUICE_CHECK(!s.parked && s.bytes == (s.cancelled ? 1 : 0)); });
  };
}

TEST(Readiness, Edges) { ExpectHolds(Receiving(3, 0)); }
TEST(Readiness, EdgesThatBringNothing) { ExpectHolds(Receiving(2, 2)); }
TEST(Readiness, Cancel) { ExpectHolds(Cancelling()); }

TEST(ReadinessMutant, ClearAfterTheSystemCall) {
  ExpectFails(Receiving(1, 0, {.clear_after_call = true}));
}
TEST(ReadinessMutant, ParkedOrNotItWaits) {
  ExpectFails(Receiving(1, 0, {.waits_after_ready_park = true}));
}
TEST(ReadinessMutant, RemovedOrNotItEnds) { ExpectFails(Cancelling({.posts_after_remove = true})); }
TEST(ReadinessMutant, ParkWithoutRelease) {
  ExpectCaught(Receiving(2, 0), {"Park(", Action::kCompareExchange});
}
TEST(ReadinessMutant, SignalWithoutAcquire) {
  ExpectCaught(Receiving(2, 0), {"Signal(", Action::kUpdate});
}

}  // namespace
}  // namespace sluice::model
