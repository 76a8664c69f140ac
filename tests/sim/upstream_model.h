// UpstreamModel: what the proxy's upstreams consist of under the configurations that have been in
// force, as far as that decides which session may have a connection to which endpoint.
//
//   Expect(plan) ── the log says that it is in force ──► InForce ──► the current pool
//                └─ ... that nothing has changed ──────► forgotten
//   ExpectFound(plan) ── the log says that a source has found others ──► InForce
//
// A place is an endpoint from the plan that it joins with to the one that it leaves with: when it
// joins again it is another place. A pool is an upstream from one plan to the one without it.
//
// Between two moments of rest a session may be given a slot by one plan and use it under the next.
// So what is forbidden is what is forbidden by all plans since the last rest.
#ifndef SLUICE_TESTS_SIM_UPSTREAM_MODEL_H_
#define SLUICE_TESTS_SIM_UPSTREAM_MODEL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

struct Place {
  uint32_t endpoint;    // its number
  PlannedEndpoint now;  // as it is configured
  uint32_t used = 0;    // connections
  uint32_t unsure = 0;  // those that may be its own, or another place's
  // Since the last rest: the most that its limits and weights were; 0 is no limit.
  uint32_t most_limit = 0;
  uint32_t most_weight = 0;
  bool served_at_rest = false;
  bool ramp_is_new = false;  // since the last rest
  core::OptionalInstant left_at = {};
  core::OptionalInstant late_at = {};    // its sessions are to have ended
  core::OptionalInstant ramp_from = {};  // it ramps up from then on, or from a later session on
  core::OptionalInstant ramp_by = {};    // ... and no later than this
  // What checks, sessions and its agent have found out (health_model.h).
  enum class Owes : uint8_t { kNothing, kUp, kDown };
  bool is_new = false;  // not checked yet
  bool is_down = false;
  bool is_ejected = false;
  bool is_agent_down = false;
  bool is_unused = false;
  bool is_being_checked = false;
  bool is_unsure = false;  // of the row of checks, until the next transition
  uint32_t against = 0;    // the row of checks that speak against the state
  Owes owes = Owes::kNothing;
  uint64_t failures = 0;
  uint64_t ejections = 0;
  core::OptionalInstant down_at = {};  // by its checks, the last time
};

struct Pool {
  using Member = std::pair<Place*, PlannedEndpoint>;

  uint32_t upstream = 0;
  std::vector<Place*> members;
  std::vector<Member> at_rest;  // the members as they were then
  std::vector<Place*> left;     // since the last rest
  bool hashes = false;          // its policy goes by sources
  uint32_t policies = 0;        // changes of the policy
  uint32_t policy = 0;
  uint32_t changes = 0;             // since the last rest
  uint32_t changes_of_members = 0;  // ... by reloads
  bool is_removed = false;
  std::set<uint32_t> drained = {};      // by an administrator, also those that are not in now
  std::map<uint32_t, uint32_t> sticks;  // by what is hashed, the endpoint: since the last change

  uint32_t serving() const;
  bool was_serving() const;  // at the last rest
};

using Places = std::vector<const Place*>;

class UpstreamModel {
 public:
  UpstreamModel(const Scenario& scenario, const SimClock& clock, Trace& trace);

  const Plan& plan() const { return plan_; }
  void Expect(Plan plan) { expected_ = plan; }
  // The configuration that is expected is in force, or is not.
  void Reloaded(bool in_force);
  // A source has found what this plan says, and the log will say so (Found), if it is another one.
  void ExpectFound(const Plan& plan) { found_ = plan; }
  void Found();
  void Rested();
  // Health keeps sessions away from it, or does not any more.
  void SetOut(Place& place, bool is_out);
  // An administrator does, of an endpoint of the current pool.
  void SetDrained(uint32_t endpoint, bool is_drained);

  Pool& current() { return *current_; }
  // Since the last rest.
  bool switched() const { return switched_; }

  // The place of an endpoint that a session of `pool` may have been given; null: none.
  Place* Find(Pool& pool, uint32_t endpoint) const;
  // Null, too, if several pools have it.
  Pool* FindPool(uint32_t upstream, uint32_t endpoint);
  // That endpoint in each pool that has it.
  std::vector<Place*> AllNamed(uint32_t upstream, uint32_t endpoint);

  // Whether a session that has tried `tried` may be given `place`, free slots aside.
  static bool Accepts(const Pool& pool, const Place& place, const Places& tried);
  // The same by the members at the last rest; also true if it was none of them.
  static bool AcceptedAtRest(const Pool& pool, const Place& place, const Places& tried);
  // It surely has a free slot.
  bool HasRoom(const Place& place) const;
  // The most connections that it may have; none: any number.
  std::optional<uint32_t> MostOf(const Place& place) const;
  // A session of `pool` asks or waits for a slot.
  void Asked(Pool& pool) const;

 private:
  void PutInForce(const Plan& next);
  void Switch();
  void Join(const Plan& plan, bool at_start);
  void Leave(Place& place);
  void Configure(Place& place, PlannedEndpoint next, bool at_start) const;
  void ConfigureAs(Place& place, const PlannedEndpoint& next, bool at_start) const;
  void Change(Place& place, const PlannedEndpoint& next);
  core::Duration RampStep() const;

  const Scenario& scenario_;
  const SimClock& clock_;
  Trace& trace_;
  Plan plan_;
  std::optional<Plan> expected_;
  std::optional<Plan> found_;
  std::deque<Place> places_;
  std::deque<Pool> pools_;
  Pool* current_ = nullptr;
  bool switched_ = false;  // these two: since the last rest
  bool changed_ = false;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_UPSTREAM_MODEL_H_
