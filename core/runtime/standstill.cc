#include "core/runtime/standstill.h"

#include <cstddef>
#include <utility>

#include "core/base/check.h"
#include "core/sched/worker.h"
#include "core/task/node_queue.h"
#include "core/task/runnable.h"

namespace sluice::core {

// The task that holds one worker. Its scheduler is the worker's mailbox.
class Standstill::Holder final : private Scheduler, public Runnable, public Node {
 public:
  Holder(Standstill& owner, Worker& worker)
      : Runnable(static_cast<Scheduler&>(*this), nothing_), owner_(owner), worker_(worker) {
    Run();  // handles the first event, which is none: then it is idle
  }

  // Unless it has been posted before, to a worker that has left. Under the owner's lock.
  void PostOnce() {
    if (!std::exchange(posted_, true)) Post(*this);
  }
  void NotPosted() { posted_ = false; }

  void OnReady() override { owner_.Hold(*this); }

 private:
  struct Nothing final : Node {
    void OnReady() override {}
  };

  void Schedule(Runnable& runnable) override { worker_.ScheduleHere(runnable); }
  void Finish() override { SLUICE_CHECK(false); }  // it is never marked as done

  Nothing nothing_;
  Standstill& owner_;
  Worker& worker_;
  bool posted_ = false;
};

Standstill::Standstill(Shared& shared) {
  for (size_t i = 1; i < shared.workers().size(); ++i) {
    holders_.push_back(std::make_unique<Holder>(*this, *shared.workers()[i]));
  }
}
Standstill::~Standstill() = default;

void Standstill::Begin() {
  {
    absl::MutexLock lock(&mutex_);
    // Those that the last End let go may not have noticed it yet: their tasks are not posted twice.
    mutex_.Await(absl::Condition(+[](uint32_t* held) { return *held == 0; }, &held_));
    holds_ = true;
    for (const std::unique_ptr<Holder>& holder : holders_) holder->PostOnce();
  }
  const auto all_held = [this] {
    mutex_.AssertReaderHeld();
    return held_ + left_ >= holders_.size();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&all_held));
}

void Standstill::End() {
  absl::MutexLock lock(&mutex_);
  holds_ = false;
}

void Standstill::Leave() {
  absl::MutexLock lock(&mutex_);
  ++left_;
}

void Standstill::Hold(Holder& holder) {
  absl::MutexLock lock(&mutex_);
  ++held_;
  mutex_.Await(absl::Condition(+[](bool* holds) { return !*holds; }, &holds_));
  --held_;
  holder.NotPosted();
}

}  // namespace sluice::core
