// AgentState: what the words of an endpoint's agent say of it, up to now.
//
//   operation   UP ── down, fail, stopped ──► DOWN ── up ──► UP       like a check that failed
//   wish     READY ── drain, maint ──► OUT OF USE ── ready ──► READY  no new sessions
//   weight      as given ── 75%, weight:10 ──► that                   0: no new sessions
//   limit       as given ── maxconn:30 ──► that, unless the given one is lower
//
// What a line does not mention stays as it was said before, also when the agent is not reached any
// more: only an agent takes back what it has said. All of it is operational, and overrides nothing
// that an administrator has set: an endpoint that is drained by hand stays drained, whatever its
// agent says; a percentage is one of the weight that was set by hand, and a weight gives way to it.
// Pure. Checked by: tests/proxy/upstream/health/agent_state_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_STATE_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_STATE_H_

#include <algorithm>
#include <cstdint>
#include <optional>

#include "proxy/upstream/health/agent_words.h"

namespace sluice::proxy {

class AgentState {
 public:
  // What is different after a report.
  struct Change {
    bool is_down = false;
    bool is_unused = false;
    bool share = false;  // its weight or its limit
  };

  bool is_down() const { return is_down_; }
  bool is_unused() const { return is_unused_; }
  // Whether it changes what is given.
  bool has_share() const { return percent_ != 100 || weight_ || max_connections_ != 0; }

  // The weight that counts, in hundredths. `is_by_hand`: an administrator has set it.
  uint32_t Hundredths(uint32_t given, bool is_by_hand) const {
    if (weight_ && !is_by_hand) return *weight_ * 100;
    return std::min(given * percent_, AgentReport::kMostWeight * 100);
  }
  bool has_percent() const { return percent_ != 100; }
  // 0: no limit.
  uint32_t MaxConnections(uint32_t given) const {
    if (given == 0 || max_connections_ == 0) return std::max(given, max_connections_);
    return std::min(given, max_connections_);
  }

  Change On(const AgentReport& report) {
    const AgentState before = *this;
    if (!report.operation.empty()) is_down_ = report.is_down();
    if (!report.wish.empty()) is_unused_ = report.wish != "ready";
    if (report.percent || report.weight) {
      weight_ = report.weight;
      percent_ = report.percent.value_or(100);
    }
    max_connections_ = report.max_connections.value_or(max_connections_);
    return {.is_down = is_down_ != before.is_down_,
            .is_unused = is_unused_ != before.is_unused_,
            .share = percent_ != before.percent_ || weight_ != before.weight_ ||
                     max_connections_ != before.max_connections_};
  }

 private:
  bool is_down_ = false;
  bool is_unused_ = false;
  uint32_t percent_ = 100;
  std::optional<uint32_t> weight_;
  uint32_t max_connections_ = 0;  // 0: it has said none
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_STATE_H_
