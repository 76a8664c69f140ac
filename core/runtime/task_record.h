// TaskRecord: what is known of one task that is watched. Internal: see task_list.h.
//
// While it is watched the record is the task's scheduler: it hears of each wake-up and hands it on
// to where the task is scheduled in truth. So a task that is not watched has no word for any of it.
//
//   Shared ◄── behind ── TaskRecord ◄── scheduler_ ── RootBase        a wake-up: Post ► Schedule
//
// Its words are of one writer at a time (run_watcher.h), by relaxed stores; any thread reads them.
// What is constant in a task's life, and that all of it is of one task, is for LifeWords. State and
// since when are one word, so they fit together.
//
// The memory is the TaskWatch's and lives as long as that; it is used for one task after the other.
// Its open spans are a list of its own under a lock of its own, which a reader takes for as long as
// it copies a few pointers of it. What is still open when the task's code ends is closed then.
//
// Threads: Read, NameOf and Spans any; else as RunWatcher.
// Checked by: tests/core/runtime/task_list_test.cc (tsan), tests/core/runtime/span_test.cc,
// tests/model/life_words_model_test.cc.
#ifndef SLUICE_CORE_RUNTIME_TASK_RECORD_H_
#define SLUICE_CORE_RUNTIME_TASK_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/thread_mutex.h"
#include "core/base/time.h"
#include "core/runtime/life_words.h"
#include "core/runtime/root.h"
#include "core/runtime/task_label.h"
#include "core/runtime/task_list.h"
#include "core/runtime/watch_options.h"
#include "core/sched/shared.h"
#include "core/task/run_watcher.h"
#include "core/task/runnable.h"

namespace sluice::core {

class SpanEntry;
class TaskWatch;

class TaskRecord final : public Scheduler, public RunWatcher {
 public:
  TaskRecord(TaskWatch& watch, Shared& shared) : Scheduler(shared, this), watch_(watch) {}

  // `task` has been launched and is in no run queue.
  void Begin(uint64_t id, RootBase& task, const TaskLabel& label, uint64_t parent, Instant now);

  // What a reader takes of each task, and no memory for that: the texts and the spans that `info`
  // has a place for are made of it for those that are wanted.
  struct Copy {
    TaskInfo info;
    std::array<char, TaskLabel::kMostOfName> name_bytes{};
    std::string_view file;  // constants of the program, as `function`
    std::string_view function;
    std::array<const std::type_info*, 4> waits_for{};
    const std::type_info* resource_kind = nullptr;
    const TaskRecord* record = nullptr;

    std::string_view name() const {
      return {name_bytes.data(), strnlen(name_bytes.data(), name_bytes.size())};
    }
  };
  std::optional<Copy> Read(Instant now) const;
  // "": it is no more the record of that task.
  std::string NameOf(uint64_t task) const;
  // The last TaskInfo::kMostSpans of that task which are open (span.cc).
  std::vector<SpanInfo> Spans(uint64_t task, Instant now) const;

  // Inside the task, or by the thread that ends it.
  SlowPoll Describe(Duration took) const;
  TaskWatch& watch() const { return watch_; }

  // Of its spans, inside the task (span.cc). Close returns false if it has been closed.
  void Open(SpanEntry& span);
  bool Close(SpanEntry& span);
  // Exchanges what is said of its fields.
  void Change(SpanEntry& span, std::shared_ptr<const std::string>& fields);

  uint64_t id() const override { return life_.id(); }
  void RunBegins() override;
  void Suspends() override;
  void GoesOn() override;
  void GivesWay() override;
  void Ends() override;
  void Release() override;
  Scheduler& behind() const override { return *behind_; }

  void Schedule(Runnable& task) override;

  TaskRecord* next_free = nullptr;  // the TaskWatch's

 private:
  static constexpr size_t kNameWords = TaskLabel::kMostOfName / sizeof(uint64_t);
  enum Word : size_t { kFile = kNameWords, kFunction, kLine, kParent, kBeganAt, kWords };

  TaskState state() const { return static_cast<TaskState>(state_.load(kRelaxed) & 3); }
  void SetState(TaskState state, Instant since) {
    state_.store(
        static_cast<uint64_t>(since.since_origin().count()) << 2 | static_cast<uint64_t>(state),
        std::memory_order_release);
  }
  Duration since() const { return Duration(static_cast<int64_t>(state_.load(kRelaxed) >> 2)); }
  Instant EndRun();
  void NoteWaits();
  void CloseSpans();  // span.cc
  void Unlink(SpanEntry& span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(spans_mutex_);

  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  TaskWatch& watch_;
  Scheduler* behind_ = nullptr;
  RootBase* task_ = nullptr;
  LifeWords<kWords> life_;
  Atomic<uint64_t> state_{0};  // and since when
  Atomic<uint64_t> polls_{0};
  Atomic<uint64_t> busy_ns_{0};
  Atomic<uint64_t> queued_ns_{0};
  Atomic<uint64_t> longest_ns_{0};
  Atomic<uint64_t> wakes_{0};
  Atomic<uint64_t> woken_by_{0};
  Atomic<uint32_t> worker_{0};
  std::array<Atomic<const std::type_info*>, 4> waits_for_{};
  Atomic<const void*> resource_{nullptr};
  Atomic<const std::type_info*> resource_kind_{nullptr};
  // Of this life's open spans the last one; written under the mutex, which readers take, too.
  mutable ThreadMutex spans_mutex_;
  Atomic<SpanEntry*> last_span_{nullptr};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_TASK_RECORD_H_
