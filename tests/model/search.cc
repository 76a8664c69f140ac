#include "tests/model/search.h"

#include <bit>
#include <cstdlib>
#include <sstream>

namespace sluice::model {
namespace {

bool Clash(Footprint::Touch a, Footprint::Touch b) {
  return a != Footprint::kNothing && b != Footprint::kNothing &&
         (a == Footprint::kWrite || b == Footprint::kWrite);
}

int First(ThreadSet threads) { return std::countr_zero(threads); }

}  // namespace

bool Dependent(const Footprint& a, const Footprint& b) {
  return (a.location == b.location && Clash(a.touch, b.touch)) || Clash(a.order, b.order);
}

void Search::Begin() {
  repeat_ = decisions_.size();
  idle_ = false;
  steps_.clear();
  clocks_.fill({});
  last_step_.fill(-1);
  histories_used_ = 0;
}

int Search::Preempts(const Decision& decision, int thread) {
  const bool goes_on = (decision.enabled & Only(decision.previous)) != 0;
  return goes_on && thread != decision.previous ? 1 : 0;
}

// The threads that are still to be tried.
ThreadSet Search::Left(const Decision& decision) const {
  const ThreadSet left = decision.todo & ~decision.done & ~decision.asleep;
  if (preemptions_ < 0 || decision.preemptions < preemptions_) return left;
  return (decision.enabled & Only(decision.previous)) != 0 ? left & Only(decision.previous) : left;
}

ThreadSet Search::AsleepBelow(const Decision& above, const Footprint* pending) const {
  ThreadSet asleep = 0;
  for (int t = 0; t < kMaxThreads; ++t) {
    if (t == above.thread || ((above.asleep | above.done) & Only(t)) == 0) continue;
    if (!Dependent(pending[t], steps_.back().footprint)) asleep |= Only(t);
  }
  return asleep;
}

uint32_t Search::Random(uint32_t bound) {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(random_ >> 33) % bound;
}

int Search::PickThread(ThreadSet enabled, int current, const Footprint* pending) {
  const size_t index = steps_.size();
  if (!idle_ && index < repeat_) {
    Decision& decision = decisions_[index];
    if ((enabled & Only(decision.thread)) == 0) std::abort();  // the model is not deterministic
    decision.enabled = enabled;
    return decision.thread;
  }
  ThreadSet choice = enabled;
  // A sample goes on with the same thread three times out of four.
  if (sample_ && ((enabled & Only(current)) == 0 || Random(4) == 0)) {
    for (uint32_t skip = Random(static_cast<uint32_t>(std::popcount(enabled))); skip > 0; --skip) {
      choice &= choice - 1;
    }
    choice = Only(First(choice));
  }
  if (!idle_) {
    Decision decision;
    decision.enabled = enabled;
    decision.previous = static_cast<int8_t>(current);
    if (index > 0) {
      const Decision& above = decisions_.back();
      decision.preemptions =
          static_cast<int16_t>(above.preemptions + Preempts(above, above.thread));
    }
    if (index > 0 && reduce_) decision.asleep = AsleepBelow(decisions_.back(), pending);
    choice &= ~decision.asleep;
    if (choice == 0) {
      idle_ = true;
      choice = enabled;
    } else {
      const int thread = (choice & Only(current)) != 0 ? current : First(choice);
      decision.thread = static_cast<int8_t>(thread);
      decision.todo = reduce_ ? Only(thread) : enabled;
      decisions_.push_back(decision);
      return thread;
    }
  }
  return (choice & Only(current)) != 0 ? current : First(choice);
}

int Search::PickValue(int count) {
  if (idle_ || count == 1) return 0;
  Decision& decision = decisions_[steps_.size()];
  if (sample_ && steps_.size() >= repeat_) {
    decision.value = static_cast<int16_t>(Random(static_cast<uint32_t>(count)));
  }
  decision.values = static_cast<int16_t>(count);
  if (decision.value >= count) std::abort();  // the model is not deterministic
  return decision.value;
}

Search::History& Search::HistoryOf(size_t index) {
  if (histories_.size() <= index) histories_.resize(index + 1);
  for (; histories_used_ <= index; ++histories_used_) {
    histories_[histories_used_] = History();
    histories_[histories_used_].reads.fill(-1);
  }
  return histories_[index];
}

void Search::AddRacers(int thread, const Footprint& footprint, size_t index,
                       Footprint::Touch touch) {
  const History& history = HistoryOf(index);
  if (footprint.kind == Footprint::kUnlock) return;
  const int write = history.last_write;
  if (footprint.kind == Footprint::kLock || footprint.kind == Footprint::kWait) {
    // What let it go on cannot come after it; what took before it can.
    if (history.last_taken >= 0) racers_.push_back(history.last_taken);
    if (footprint.kind == Footprint::kLock || write < 0 || write == history.last_taken) return;
    if (idle_) return;
    const bool could_go_on = (decisions_[write].enabled & Only(thread)) != 0;
    if (last_step_[thread] < write && !could_go_on) return;
  }
  if (write >= 0) racers_.push_back(write);
  if (touch != Footprint::kWrite) return;
  for (const int read : history.reads) {
    if (read >= 0) racers_.push_back(read);
  }
}

void Search::Remember(int thread, size_t index, Footprint::Touch touch, const Clock& clock) {
  History& history = HistoryOf(index);
  if (touch == Footprint::kWrite) {
    history.last_write = now();
    history.reads.fill(-1);
    history.writes = clock;
  } else {
    history.reads[thread] = now();
  }
  history.all.Join(clock);
}

// The steps before that could have come after this one too; `before`: what its thread came after.
void Search::FindRaces(const Step& step, const Clock& before) {
  for (const int racer : racers_) {
    if (before.steps[steps_[racer].thread] >= steps_[racer].number) continue;
    Reverse(racer, step);
  }
}

void Search::Stuck(int thread, const Footprint& footprint) {
  if (!reduce_ || idle_) return;
  const Clock before = clocks_[thread];
  Step step{thread, static_cast<uint16_t>(before.steps[thread] + 1), before, footprint};
  ++step.clock.steps[thread];
  racers_.clear();
  AddRacers(thread, footprint, static_cast<size_t>(footprint.location + 1), footprint.touch);
  FindRaces(step, before);
}

void Search::Happened(int thread, const Footprint& footprint) {
  struct Part {
    size_t index;
    Footprint::Touch touch;
  };
  const Part parts[] = {{static_cast<size_t>(footprint.location + 1), footprint.touch},
                        {0, footprint.order}};  // 0: the order of the seq_cst operations
  const Clock before = clocks_[thread];
  Step step{thread, ++clocks_[thread].steps[thread], clocks_[thread], footprint};
  racers_.clear();
  for (const Part& part : parts) {
    if (part.touch == Footprint::kNothing) continue;
    AddRacers(thread, footprint, part.index, part.touch);
    const History& history = HistoryOf(part.index);
    clocks_[thread].Join(part.touch == Footprint::kWrite ? history.all : history.writes);
  }
  const bool takes =
      footprint.kind == Footprint::kLock || footprint.kind == Footprint::kWait;
  // A lock that comes before the earlier one does not come after what this one came after.
  if (!takes) step.clock = clocks_[thread];
  if (reduce_ && !idle_ && steps_.size() + 1 >= repeat_) FindRaces(step, before);
  step.clock = clocks_[thread];
  for (const Part& part : parts) {
    if (part.touch != Footprint::kNothing) {
      Remember(thread, part.index, part.touch, step.clock);
    }
  }
  if (takes) HistoryOf(parts[0].index).last_taken = now();
  last_step_[thread] = now();
  steps_.push_back(step);
}

// The steps after `earlier` that do not come after it, with `later` at their end, could have been
// made before it: one of the threads that may begin with them has to be tried there.
void Search::Reverse(int earlier, const Step& later) {
  Decision& decision = decisions_[earlier];
  const Step& first = steps_[earlier];
  ThreadSet beginners = 0;
  ThreadSet present = 0;
  std::array<uint16_t, kMaxThreads> first_number{};
  for (int k = earlier + 1; k <= now(); ++k) {
    const bool last = k == now();
    const Step& step = last ? later : steps_[k];
    if (!last && step.clock.steps[first.thread] >= first.number) continue;
    if ((present & Only(step.thread)) != 0) continue;
    bool begins = true;
    for (int t = 0; t < kMaxThreads; ++t) {
      if ((present & Only(t)) != 0 && step.clock.steps[t] >= first_number[t]) begins = false;
    }
    first_number[step.thread] = step.number;
    present |= Only(step.thread);
    if (begins) beginners |= Only(step.thread);
  }
  beginners &= decision.enabled;
  if (beginners == 0) {
    decision.todo |= decision.enabled;
  } else if ((beginners & decision.todo) == 0) {
    const bool own = (beginners & Only(later.thread)) != 0;
    decision.todo |= Only(own ? later.thread : First(beginners));
  }
}

bool Search::Next() {
  if (sample_) {
    decisions_.clear();
    return true;
  }
  while (!decisions_.empty()) {
    Decision& last = decisions_.back();
    if (last.value + 1 < last.values) {
      ++last.value;
      return true;
    }
    last.done |= Only(last.thread);
    if (const ThreadSet left = Left(last); left != 0) {
      last.thread = static_cast<int8_t>(First(left));
      last.value = 0;
      last.values = 1;
      return true;
    }
    decisions_.pop_back();
  }
  return false;
}

std::string Search::Schedule() const {
  std::ostringstream out;
  for (size_t i = 0; i < decisions_.size() && i <= steps_.size(); ++i) {
    out << (i == 0 ? "" : " ") << int{decisions_[i].thread};
    if (decisions_[i].value != 0) out << ':' << decisions_[i].value;
  }
  return out.str();
}

void Search::Replay(const std::string& schedule) {
  std::istringstream in(schedule);
  decisions_.clear();
  for (std::string word; in >> word;) {
    Decision decision;
    decision.thread = static_cast<int8_t>(std::atoi(word.c_str()));
    if (const size_t colon = word.find(':'); colon != std::string::npos) {
      decision.value = static_cast<int16_t>(std::atoi(word.c_str() + colon + 1));
    }
    decision.todo = Only(decision.thread);
    decisions_.push_back(decision);
  }
}

}  // namespace sluice::model
