// CheckState: what the results of an endpoint's checks say about it.
//
//   there at start ───────────► UP ── `fall` in a row have failed ──► DOWN
//                               ▲ ▲                                   │ ▲
//                               │ └──── `rise` in a row have passed ──┘ │
//                        passed │                                       │ failed
//   joins later ──────────────► NEW ────────────────────────────────────┘
//
//   CheckState state = CheckState::OfJoiner();
//   if (state.On(passed, {.rise = 2, .fall = 3})) ...  // is_up() has changed, or is known now
//
// One result against the state begins a row, one that agrees with it ends that row: an endpoint
// that flaps with every check stays as it is. Sessions go to what is UP.
// Pure. Checked by: tests/proxy/upstream/health/check_state_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_STATE_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_STATE_H_

#include <cstdint>

namespace sluice::proxy {

struct CheckRule {
  uint32_t rise = 2;  // both at least 1
  uint32_t fall = 3;
};

class CheckState {
 public:
  static CheckState AtStart() { return CheckState(Is::kUp); }
  static CheckState OfJoiner() { return CheckState(Is::kNew); }

  bool is_up() const { return is_ == Is::kUp; }
  bool is_new() const { return is_ == Is::kNew; }
  // Checks in a row, the last ones, that have spoken against the state.
  uint32_t against() const { return against_; }
  // It may soon be another: the next check is to come early.
  bool is_changing() const { return is_new() || against_ > 0; }

  // Returns true if this result is what changes it.
  bool On(bool passed, const CheckRule& rule) {
    if (!is_new() && passed == is_up()) {
      against_ = 0;
      return false;
    }
    ++against_;
    if (!is_new() && against_ < (passed ? rule.rise : rule.fall)) return false;
    is_ = passed ? Is::kUp : Is::kDown;
    against_ = 0;
    return true;
  }

 private:
  enum class Is : uint8_t { kNew, kUp, kDown };

  explicit CheckState(Is is) : is_(is) {}

  Is is_;
  uint32_t against_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_CHECK_STATE_H_
