#include "tests/model/run.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/model/atomic.h"

namespace sluice::model {
namespace {

Execution* current_run = nullptr;
uint64_t last_execution = 0;

bool IsSeqCst(Order order) { return order == std::memory_order_seq_cst; }

}  // namespace

Execution* Execution::Current() { return current_run; }

void Execution::Add(const char* name, std::function<void()> body, bool daemon) {
  if (count_ == kMaxThreads) std::abort();
  ModelThread& thread = threads_[count_++];
  thread.name = name;
  thread.body = std::move(body);
  thread.daemon = daemon;
}

void Execution::Fail(const std::string& what) {
  if (phase_ == kSetup) {
    std::fprintf(stderr, "model: %s while it was being set up\n", what.c_str());
    std::abort();
  }
  result_.failed = true;
  result_.what = what;
  Fiber::Switch(threads_[current_].fiber, outside_);
  std::abort();
}

// One execution: set up, run the threads, check, take down.
void Execution::Execute(const std::function<void(Execution&)>& model) {
  execution_ = ++last_execution;
  phase_ = kSetup;
  count_ = 1;
  current_ = 0;
  spurious_used_ = false;
  finally_ = nullptr;
  on_switch_ = nullptr;
  cleanups_.clear();
  events_.clear();
  search_.Begin();
  memory_.Begin();
  current_run = this;
  model(*this);
  phase_ = kStart;
  for (int t = 1; t < count_ && !result_.failed; ++t) {
    memory_.Fork(0, t);
    threads_[t].finished = false;
    threads_[t].open = nullptr;
    threads_[t].fiber.Reset([this, t] { RunThread(t); });
    current_ = t;
    pending_[t] = Footprint();
    if (on_switch_) on_switch_(t);
    Fiber::Switch(outside_, threads_[t].fiber);  // up to its first step
  }
  if (!result_.failed) {
    phase_ = kThreads;
    current_ = 0;
    GoOn();
  }
  if (!result_.failed) {
    phase_ = kFinally;
    current_ = 0;
    for (int t = 1; t < count_; ++t) memory_.Merge(0, t);
    threads_[0].fiber.Reset([this] { RunThread(0); });
    Fiber::Switch(outside_, threads_[0].fiber);
  }
  current_run = nullptr;
}

void Execution::RunThread(int thread) {
  if (thread != 0) {
    threads_[thread].body();
    threads_[thread].finished = true;
    pending_[thread] = Footprint();
    if (phase_ == kStart) {
      Fiber::Switch(threads_[thread].fiber, outside_);
    }
    GoOn();
  } else {
    if (finally_) finally_();
    while (!cleanups_.empty()) {
      auto cleanup = std::move(cleanups_.back());
      cleanups_.pop_back();
      cleanup();
    }
    Fiber::Switch(threads_[0].fiber, outside_);
  }
}

ThreadSet Execution::Enabled() const {
  ThreadSet enabled = 0;
  for (int t = 1; t < count_; ++t) {
    const ModelThread& thread = threads_[t];
    if (!thread.finished && (thread.open == nullptr || *thread.open)) enabled |= Only(t);
  }
  return enabled;
}

// Lets the thread whose turn it is go on; returns when it is the caller's.
void Execution::GoOn() {
  const ThreadSet enabled = Enabled();
  if (enabled == 0) {
    CheckStuck();
    if (current_ != 0) Fiber::Switch(threads_[current_].fiber, outside_);
    return;
  }
  if (search_.now() >= options_.max_steps) Fail("too many steps");
  const int next = search_.PickThread(enabled, current_, pending_.data());
  if (next != current_) SwitchTo(next);
}

void Execution::SwitchTo(int thread) {
  Fiber& from = current_ == 0 ? outside_ : threads_[current_].fiber;
  current_ = thread;
  if (on_switch_) on_switch_(thread);
  Fiber::Switch(from, threads_[thread].fiber);
}

void Execution::CheckStuck() {
  std::string stuck;
  for (int t = 1; t < count_; ++t) {
    if (threads_[t].finished) continue;
    search_.Stuck(t, pending_[t]);
    if (threads_[t].daemon) continue;
    stuck += (stuck.empty() ? "" : ", ") + std::string(threads_[t].name);
  }
  if (stuck.empty()) return;
  stuck = "deadlock: nobody can go on, these wait: " + stuck;
  if (current_ != 0) Fail(stuck);
  result_.failed = true;
  result_.what = stuck;
}

Order Execution::Mutated(Action action, Order order, const Site& site) {
  for (size_t i = 0; i < options_.mutations.size(); ++i) {
    const Mutation& mutation = options_.mutations[i];
    if (mutation.action != action) continue;
    if (std::strstr(site.function_name(), mutation.function.c_str()) == nullptr) continue;
    std::vector<uint32_t>& lines = mutated_lines_[i];
    auto line = std::find(lines.begin(), lines.end(), site.line());
    if (line == lines.end()) line = lines.insert(lines.end(), site.line());
    if (mutation.nth < 0 || line - lines.begin() == mutation.nth) return mutation.order;
  }
  return order;
}

// Every operation begins here: waits for its turn. The order that it is to have.
Order Execution::Announce(Place* place, uint64_t initial, Action action, Order order,
                    const Site& site) {
  if (place != nullptr && place->execution != execution_) {
    *place = {execution_, memory_.AddLocation(initial)};
  }
  if (!options_.mutations.empty()) order = Mutated(action, order, site);
  const int location = place == nullptr ? -1 : place->location;
  if (current_ != 0) {
    const bool reads = action == Action::kLoad && !IsSeqCst(order);
    Footprint& footprint = pending_[current_];
    footprint = {.location = location,
                 .touch = reads ? Footprint::kRead : Footprint::kWrite};
    if (place == nullptr) footprint.touch = Footprint::kNothing;
    if (action == Action::kFence) {
      footprint.order = IsSeqCst(order) ? Footprint::kWrite : Footprint::kNothing;
    } else if (action < Action::kFence && IsSeqCst(order)) {
      footprint.order = Footprint::kRead;
    }
    if (action == Action::kLock) footprint.kind = Footprint::kLock;
    if (action == Action::kUnlock) footprint.kind = Footprint::kUnlock;
    if (action == Action::kWait) footprint.kind = Footprint::kWait;
    if (phase_ == kStart) {
      Fiber::Switch(threads_[current_].fiber, outside_);
    } else {
      GoOn();
    }
  }
  events_.push_back({current_, action, location, order, 0, 0, true, site});
  return order;
}

// The operation has been made.
void Execution::Done(Footprint::Touch touch, Order order) {
  if (current_ == 0) return;
  Footprint footprint = pending_[current_];
  if (footprint.location >= 0 && !IsSeqCst(order)) footprint.touch = touch;
  if (!IsSeqCst(order)) footprint.order = Footprint::kNothing;
  search_.Happened(current_, footprint);
}

uint64_t Execution::Load(Place& place, uint64_t initial, Order order, const Site& site) {
  order = Announce(&place, initial, Action::kLoad, order, site);
  const Memory::Read read = memory_.Load(current_, place.location, order, current_ == 0);
  events_.back().value = read.value;
  events_.back().age = read.age;
  Done(Footprint::kRead, order);
  return read.value;
}

void Execution::Store(Place& place, uint64_t initial, uint64_t value, Order order,
                      const Site& site) {
  order = Announce(&place, initial, Action::kStore, order, site);
  memory_.Store(current_, place.location, value, order);
  events_.back().value = value;
  Done(Footprint::kWrite, order);
}

uint64_t Execution::BeginUpdate(Place& place, uint64_t initial, Order order, const Site& site) {
  update_order_ = Announce(&place, initial, Action::kUpdate, order, site);
  return memory_.Exchange(current_, place.location, update_order_).value;
}

void Execution::Replace(Place& place, uint64_t value) {
  memory_.Replace(current_, place.location, value, update_order_);
  events_.back().value = value;
  Done(Footprint::kWrite, update_order_);
}

Memory::Read Execution::BeginCompareExchange(Place& place, uint64_t initial, uint64_t expected,
                                       bool weak, Order success, Order failure,
                                       const Site& site) {
  success = Announce(&place, initial, Action::kCompareExchange, success, site);
  if (!options_.mutations.empty() && success == std::memory_order_relaxed) failure = success;
  Memory::Read read;
  if (weak && options_.spurious_failures && !spurious_used_ && current_ != 0 &&
      search_.PickValue(2) == 1) {
    spurious_used_ = true;
    read.value = memory_.Load(current_, place.location, failure, /*newest_only=*/true).value;
  } else {
    const bool newest_only = current_ == 0 || (weak && options_.spurious_failures);
    read = memory_.CompareExchange(current_, place.location, expected, success, failure,
                                   newest_only);
  }
  update_order_ = success;
  events_.back().age = read.age;
  events_.back().matched = read.matched;
  if (!read.matched) {
    events_.back().value = read.value;
    Done(Footprint::kRead, failure);
  }
  return read;
}

void Execution::Fence(Order order, const Site& site) {
  order = Announce(nullptr, 0, Action::kFence, order, site);
  memory_.Fence(current_, order);
  Done(Footprint::kNothing, order);
}

void Execution::Block(Place& place, Action action, const bool* open, const Site& site) {
  threads_[current_].open = open;
  Announce(&place, 0, action, std::memory_order_acq_rel, site);
  threads_[current_].open = nullptr;
  if (current_ == 0 && !*open) Fail("waits although no other thread is left");
  Done(Footprint::kWrite, std::memory_order_acq_rel);
}

void Execution::Pass(Place& place, Action action, const Site& site) {
  Announce(&place, 0, action, std::memory_order_acq_rel, site);
  Done(Footprint::kWrite, std::memory_order_acq_rel);
}

// Addresses are named in the order in which they appear, so that traces can be compared.
std::string Execution::ValueText(uint64_t value, std::vector<uint64_t>& addresses) {
  char text[32];
  if (value >> 40 == 0 || value >> 47 != 0) {
    std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(value));
    return text;
  }
  auto at = std::find(addresses.begin(), addresses.end(), value);
  if (at == addresses.end()) at = addresses.insert(addresses.end(), value);
  return "#" + std::to_string(at - addresses.begin());
}

std::string Execution::Trace() const {
  static constexpr const char* kActions[] = {"load", "store",  "update", "cas",   "fence",
                                             "lock", "unlock", "wait",   "signal"};
  static constexpr const char* kOrders[] = {"relaxed", "consume", "acquire",
                                            "release", "acq_rel", "seq_cst"};
  std::string text;
  std::vector<uint64_t> addresses;
  for (const Event& event : events_) {
    const std::string file = event.site.file_name();
    const std::string place = event.location < 0 ? "" : "a" + std::to_string(event.location);
    std::string value;
    if (event.action < Action::kFence) {
      value = (event.matched ? "= " : "!= ") + ValueText(event.value, addresses);
    }
    if (event.age > 0) value += " OLD by " + std::to_string(event.age);
    char line[256];
    std::snprintf(line, sizeof(line), "%-12s %-6s %-7s %-4s %-22s %s:%u",
                  threads_[event.thread].name, kActions[static_cast<int>(event.action)],
                  kOrders[static_cast<int>(event.order)], place.c_str(), value.c_str(),
                  file.c_str() + file.rfind('/') + 1, event.site.line());
    text += line;
    text += '\n';
  }
  return text;
}

Result Explore(const Options& options, const std::function<void(Execution&)>& model) {
  auto run = std::unique_ptr<Execution>(new Execution(options));
  run->mutated_lines_.resize(options.mutations.size());
  const char* replay = std::getenv("SLUICE_MODEL_SCHEDULE");
  std::string schedule = options.schedule;
  if (schedule.empty() && replay != nullptr) schedule = replay;
  if (!schedule.empty()) run->search_.Replay(schedule);
  Result& result = run->result_;
  for (;;) {
    run->Execute(model);
    ++result.executions;
    result.steps += static_cast<uint64_t>(run->search_.now());
    if (result.failed || !schedule.empty()) break;
    if (!run->search_.Next()) {
      result.complete = true;
      break;
    }
    const uint64_t limit = options.samples > 0 ? options.samples : options.max_executions;
    if (result.executions == limit) break;
  }
  current_run = nullptr;
  result.schedule = run->search_.Schedule();
  if (result.failed || !schedule.empty()) result.trace = run->Trace();
  for (size_t i = 0; i < options.mutations.size(); ++i) {
    if (run->mutated_lines_[i].empty()) {
      std::fprintf(stderr, "model: nothing is like %s\n", options.mutations[i].function.c_str());
      std::abort();
    }
  }
  return result;
}

}  // namespace sluice::model

namespace sluice::core {

void CheckFailed(const char* file, int line, const char* what) {
  const std::string text =
      std::string(file) + ":" + std::to_string(line) + ": check failed: " + what;
  if (model::Execution* run = model::Execution::Current()) run->Fail(text);
  std::fprintf(stderr, "%s\n", text.c_str());
  std::abort();
}

}  // namespace sluice::core
