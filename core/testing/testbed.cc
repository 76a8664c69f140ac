#include "core/testing/testbed.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <typeinfo>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/runtime/root.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_registry.h"
#include "core/sched/worker.h"
#include "core/task/cancel_scope.h"
#include "core/task/select.h"
#include "core/testing/probe.h"

namespace sluice::core::testing {
namespace {

constexpr Duration kPatience = 10s;  // of a cancelled task, in real time

std::string Demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

std::string NameOf(const Waiter* waiter) {
  if (waiter == nullptr) return "something that cannot be cut short";
  return Demangled(typeid(*waiter).name());
}

std::string Counted(size_t count, const char* one, const char* many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

std::string DescribeFrames(const FrameLedger& frames) {
  std::string text =
      absl::StrCat(Counted(frames.left(), "coroutine frame is", "coroutine frames are"),
                   " left after the end of the runtime:\n");
  for (const FrameKind& kind : frames.Left()) {
    absl::StrAppend(&text, "  ", kind.count, " of ", kind.size, " bytes, made by ", kind.made_by,
                    "\n");
  }
  return text;
}

std::string DescribeException(std::exception_ptr exception) {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::exception& thrown) {
    return absl::StrCat("the task has thrown: ", thrown.what(), "\n");
  } catch (...) {
    return "the task has thrown something\n";
  }
}

RuntimeOptions OptionsFor(const TestbedOptions& options) {
  return {.workers = options.workers,
          .worker = {.buffers = 16, .buffer_size = 4096, .shuffle_seed = options.shuffle_seed}};
}

ReactorFactory FactoryFor(Backend backend) {
  absl::StatusOr<ChosenBackend> chosen = ChooseBackend(backend);
  if (chosen.ok()) return std::move(chosen->make_reactor);
  std::fprintf(stderr, "%s\n", std::string(chosen.status().message()).c_str());
  std::abort();
}

}  // namespace

PausedClock& CurrentPausedClock() {
  const Worker* const worker = Worker::Current();
  auto* const clock =
      worker == nullptr ? nullptr : dynamic_cast<const PausedClock*>(&worker->clock());
  SLUICE_CHECK_USE(clock != nullptr,
                   "this is for tasks of a runtime with a PausedClock: run them in a Testbed");
  return const_cast<PausedClock&>(*clock);  // the runtime takes any clock as constant
}

Testbed::Testbed(const TestbedOptions& options) : clock_(options.io_grace) {
  runtime_.emplace(OptionsFor(options), clock_, clock_.Pausing(FactoryFor(options.backend)));
}

Testbed::~Testbed() {
  if (runtime_.has_value()) (void)Finish();
}

std::string Testbed::Run(Task<void> task) {
  SLUICE_CHECK_USE(runtime_.has_value(), "Finish ends a Testbed: make another one");
  std::string wrong;
  runtime_->BlockOn(Watch(std::move(task), wrong));
  return wrong;
}

Task<void> Testbed::Watch(Task<void> task, std::string& wrong) {
  JoinHandle<void> handle = Spawn(std::move(task));
  (void)co_await Select(handle.Ended(), clock_.Stuck());
  if (!handle.finished()) {
    absl::StrAppend(&wrong, "the task cannot end: nothing can run, no timer is armed\n",
                    DescribeTasks((co_await CurrentContext()).task));
    handle.Abort();
    (void)co_await Select(handle.Ended(), clock_.Stuck());
    if (!handle.finished()) {
      wrong += "it does not end when it is cancelled\n";
      co_return;
    }
  }
  const Outcome<void> outcome = handle.TakeOutcome();
  if (std::exception_ptr thrown = outcome.exception()) wrong += DescribeException(thrown);
  if (outcome.cancelled() && wrong.empty())
    wrong = "the task has given up: its outcome is cancelled\n";
}

std::string Testbed::DescribeTasks(const Runnable* but) {
  std::map<std::string, size_t> waits;
  runtime_->handle().shared().registry()->ForEach([&](const RootBase& task) {
    if (&task != but) ++waits[NameOf(task.waits_for())];
  });
  std::string text;
  for (const auto& [name, count] : waits) {
    absl::StrAppend(&text, "  ", Counted(count, "task waits", "tasks wait"), " for ", name, "\n");
  }
  return text;
}

std::string Testbed::Finish() {
  SLUICE_CHECK_USE(runtime_.has_value(), "Finish is called once");
  std::string wrong;
  runtime_->BlockOn(Settle());
  if (const size_t left = runtime_->handle().live_tasks(); left > 0) {
    absl::StrAppend(&wrong, Counted(left, "task is", "tasks are"), " left:\n", DescribeTasks());
  }
  size_t timers = 0;
  for (uint32_t i = 0; i < runtime_->handle().workers(); ++i) {
    timers += runtime_->handle().worker(i).wheel().CountArmed();
  }
  if (timers > 0) absl::StrAppend(&wrong, Counted(timers, "timer is", "timers are"), " armed\n");
  if (!runtime_->Shutdown(kPatience)) {
    std::fprintf(stderr, "%stasks that are left do not end when they are cancelled:\n%s",
                 wrong.c_str(), DescribeTasks().c_str());
    std::abort();
  }
  runtime_.reset();
  if (frames_.left() > 0) wrong += DescribeFrames(frames_);
  if (std::getenv("SLUICE_FRAMES") != nullptr) std::fputs(frames_.Table().c_str(), stderr);
  return wrong;
}

}  // namespace sluice::core::testing
