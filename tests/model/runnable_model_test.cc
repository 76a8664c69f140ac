// The inbox of Runnable, the real code: no node is lost or handled twice, the task is in at most
// one run queue and runs on one worker at a time, and OnReady sees what the poster wrote.
#include <array>
#include <memory>

#include "core/base/check.h"
#include "core/task/runnable.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

struct State;

struct Event final : core::Node {
  void OnReady() override;
  State* state = nullptr;
  Cell<int> written{"what the poster wrote"};
  int handled = 0;
  int place = 0;  // among the events handled
};

struct Task final : core::Runnable {
  Task(core::Scheduler& scheduler, core::Node& first, State& state)
      : Runnable(scheduler, first), state(state) {}
  using Runnable::MarkDone;
  void Finish() override;
  State& state;
};

constexpr int kEvents = 3;

// A run queue of one place. What it notes down directly after an atomic step belongs to that step.
struct State final : core::Scheduler {
  State() {
    for (Event& event : events) event.state = this;
    task = std::make_unique<Task>(*this, events[0], *this);
    wake.Set();
  }

  void Schedule(core::Runnable& runnable) override {
    SLUICE_CHECK(&runnable == task.get());
    SLUICE_CHECK(!queued && !running && !finished);
    queued = true;
    wake.Set();
  }

  void Post(int event) {
    events[event].written.Set(1);
    task->Post(events[event]);
  }

  // A worker: runs the task as often as it is scheduled.
  void Work() {
    for (;;) {
      wake.Wait();
      SLUICE_CHECK(queued && !running);
      queued = false;
      running = true;
      const core::Runnable::Outcome outcome = task->Run();
      if (outcome == core::Runnable::Outcome::kDone) continue;
      running = false;
      if (outcome == core::Runnable::Outcome::kYield) Schedule(*task);
    }
  }

  void CheckEnd() const {
    for (const Event& event : events) SLUICE_CHECK(event.handled == 1);
    SLUICE_CHECK(finished && !queued);
  }

  std::unique_ptr<Task> task;
  std::array<Event, kEvents> events;
  Signal wake;
  Cell<int> own{"the task's own data"};
  bool queued = true;
  bool running = false;
  bool finished = false;
  int handled = 0;
};

void Event::OnReady() {
  state->own.Set(state->own.Get() + 1);
  if (this != &state->events[0]) SLUICE_CHECK(written.Get() == 1);
  SLUICE_CHECK(handled++ == 0);
  place = ++state->handled;
  if (place == kEvents) state->task->MarkDone();
}

void Task::Finish() { state.finished = true; }

// Two workers run the task while two others post an event each.
void TwoPosters(Execution& run) {
  auto& s = run.Make<State>();
  run.Daemon("worker one", [&s] { s.Work(); });
  run.Daemon("worker two", [&s] { s.Work(); });
  run.Thread("poster one", [&s] { s.Post(1); });
  run.Thread("poster two", [&s] { s.Post(2); });
  run.Finally([&s] { s.CheckEnd(); });
}

// One poster, two events: they are handled in their order (I4).
void EventsInOrder(Execution& run) {
  auto& s = run.Make<State>();
  run.Daemon("worker one", [&s] { s.Work(); });
  run.Daemon("worker two", [&s] { s.Work(); });
  run.Thread("poster", [&s] {
    s.Post(1);
    s.Post(2);
  });
  run.Finally([&s] {
    s.CheckEnd();
    SLUICE_CHECK(s.events[2].place > s.events[1].place);
  });
}

TEST(Runnable, TwoPosters) { ExpectHolds(TwoPosters); }
TEST(Runnable, TwoPostersAndSpuriousFailures) {
  Options options;
  options.spurious_failures = true;
  ExpectHolds(TwoPosters, options);
}
TEST(Runnable, EventsOfOnePosterInOrder) { ExpectHolds(EventsInOrder); }

TEST(RunnableMutant, PostWithoutRelease) {
  ExpectCaught(TwoPosters, {"::Post(", Action::kCompareExchange, -1, std::memory_order_acquire});
}
// Not a mistake: a Post is part of the release sequence that the CAS to idle heads, so the next
// worker's acquire in TakeInbox meets that CAS directly.
TEST(RunnableMutant, PostNeedsNoAcquire) {
  Options options;
  options.mutations = {{"::Post(", Action::kCompareExchange, -1, std::memory_order_release}};
  ExpectHolds(TwoPosters, options);
}
TEST(RunnableMutant, InboxTakenWithoutAcquire) {
  ExpectCaught(TwoPosters, {"TakeInbox(", Action::kUpdate});
}
TEST(RunnableMutant, IdleWithoutRelease) {
  ExpectCaught(TwoPosters, {"::RunAs(", Action::kCompareExchange});
}

}  // namespace
}  // namespace sluice::model
