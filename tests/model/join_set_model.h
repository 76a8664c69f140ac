// Models of JoinSet: run with the real code, and with a copy in which mistakes are planted
// (mistakes.py; the test that has them includes the copy before this).
#ifndef SLUICE_TESTS_MODEL_JOIN_SET_MODEL_H_
#define SLUICE_TESTS_MODEL_JOIN_SET_MODEL_H_

#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/join_set.h"
#include "core/task/select.h"
#include "tests/model/expect.h"
#include "tests/model/tasks.h"

namespace sluice::model {

// What a member brings; knows how many of its kind there are.
class Number {
 public:
  Number(int& live, int value) : live_(live), value_(value) { ++live_; }
  Number(Number&& other) noexcept : Number(other.live_, other.value_) {}
  ~Number() { --live_; }
  int value() const { return value_; }

 private:
  int& live_;
  const int value_;
};

struct SetRun : Tasks {
  void Spawn(core::Task<Number> member) { (void)set->Spawn(std::move(member)); }

  std::optional<core::JoinSet<Number>> set{core::RuntimeHandle(shared)};
  core::Runnable* owner = nullptr;
  core::Runnable* first = nullptr;
  core::Runnable* second = nullptr;
  int live = 0;
  int sum = 0;
};

inline core::Task<Number> Member(SetRun& s, int value) { co_return Number(s.live, value); }

inline core::Task<void> TakeAll(SetRun& s) {
  while (std::optional<core::Outcome<Number>> outcome = co_await s.set->Next()) {
    s.sum += outcome->value().value();
  }
  SLUICE_CHECK(s.set->empty());
  s.set.reset();
}

// Its first wait is cut short.
inline core::Task<void> AtOnce() { co_return; }
inline core::Task<void> LookAndTakeAll(SetRun& s) {
  {
    auto look = co_await core::Select(s.set->Next(), AtOnce());
    if (look.Get<0>().has_value()) s.sum += look.Get<0>()->value().value();
  }
  co_await TakeAll(s);
}

inline SetRun& MakeSet(Execution& run, int members) {
  auto& s = run.Make<SetRun>();
  for (int i = 1; i <= members; ++i) s.Spawn(Member(s, i));
  s.first = s.shared.PopInjected();
  s.second = s.shared.PopInjected();
  return s;
}

inline void RunMembers(Execution& run, SetRun& s) {
  run.Thread("first", [&s] {
    Tasks::Run(*s.first);
    s.RunWoken();
  });
  if (s.second == nullptr) return;
  run.Thread("second", [&s] {
    Tasks::Run(*s.second);
    s.RunWoken();
  });
}

inline void SetOwnedBy(Execution& run, int members, core::Task<void> (*own)(SetRun&)) {
  SetRun& s = MakeSet(run, members);
  core::Joinable<void>& owner = s.Make(own(s));
  owner.Unref();
  s.owner = &owner;
  run.Thread("owner", [&s] { Tasks::Run(*s.owner); });
  RunMembers(run, s);
  run.Finally([&s, members] {
    s.RunWoken();
    SLUICE_CHECK(!s.set.has_value() && s.sum == members * (members + 1) / 2);
    SLUICE_CHECK(s.live == 0 && s.shared.live_tasks() == 0);
  });
}

// The owner awaits Next while two tasks end.
inline void SetIsTaken(Execution& run) { SetOwnedBy(run, 2, TakeAll); }
// A wait that is cut short loses no outcome.
inline void SetIsLookedAt(Execution& run) { SetOwnedBy(run, 1, LookAndTakeAll); }

// The set goes while two tasks begin and end.
inline void SetGoes(Execution& run) {
  SetRun& s = MakeSet(run, 2);
  run.Thread("owner", [&s] { s.set.reset(); });
  RunMembers(run, s);
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.live == 0 && s.shared.live_tasks() == 0);
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_JOIN_SET_MODEL_H_
