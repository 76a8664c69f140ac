// An agent: a program beside an endpoint that says how it is, in one line (agent_words.h). It is
// asked by a probe (probe.h).
//
//   connected ──► SEND, if there is something to send ──► RECEIVE a line ──► SAID
//                   └─ no line, or one that is too long ──► NOT REACHED, which changes nothing
//
// Threads: inside a task.
// Checked by: tests/e2e/test_agent.py.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_H_

#include <cstdint>
#include <string>

#include "core/net/address.h"
#include "core/task/task.h"
#include "proxy/upstream/health/probe.h"

namespace sluice::proxy {

struct AgentPlan {
  ProbePlan probe;
  std::string send;  // "": nothing
};

struct AgentAnswer {
  enum class Is : uint8_t { kNotAsked, kSaid, kNotReached };
  Is is = Is::kNotAsked;
  std::string text = {};  // the line, or why there is none
};

core::Task<AgentAnswer> AskAgent(const AgentPlan& plan, core::Address endpoint);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_H_
