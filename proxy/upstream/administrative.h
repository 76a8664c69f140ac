// Administrative: what administrators have changed about the endpoints of one upstream while the
// process runs, apart from what its configuration says.
//
//   configured ── Apply ──► the endpoints that there are, each with its state
//                   ▲
//        for each name: state, weight ·· added at run time ·· removed at run time
//
// It belongs to the upstream under all of its configurations, so that a reload undoes nothing of
// it: what an administrator has added stays until one removes it, and what one has removed stays
// away. Only what a configuration drops is forgotten (Forget): if a later one names it again, it is
// as configured there.
//
//   Administrative admin;
//   (void)admin.SetState("10.0.0.1:80", AdminState::kDrain);
//   for (const GivenEndpoint& each : admin.Apply(config.endpoints)) ...
//
// Names: conf::Endpoint::Identity. One that several endpoints have (the same address, without a
// name) names all of them.
// Threads: any. Checked by: tests/proxy/upstream/administrative_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_ADMINISTRATIVE_H_
#define SLUICE_PROXY_UPSTREAM_ADMINISTRATIVE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace sluice::proxy {

// One endpoint as it is to be: what is configured, with what has been changed by hand.
struct GivenEndpoint {
  conf::Endpoint endpoint;
  AdminState state = AdminState::kReady;
  bool has_weight_by_hand = false;

  friend bool operator==(const GivenEndpoint&, const GivenEndpoint&) = default;
};

// What a list says of it; a configuration says that all are ready.
AdminState ConfiguredState(const conf::Endpoint& endpoint);

// What has been changed by hand about the endpoints of one name.
struct ByHand {
  std::optional<AdminState> state;  // none: as the configuration, or a list, has it
  std::optional<uint32_t> weight;
  std::optional<conf::Endpoint> added;  // none: only a configuration may name it
  bool removed = false;

  friend bool operator==(const ByHand&, const ByHand&) = default;
};

class Administrative final : public core::RefCounted {
 public:
  using Changes = std::map<std::string, ByHand, std::less<>>;

  // The configured ones but those that are removed, in their order; then those that are added.
  std::vector<GivenEndpoint> Apply(std::span<const conf::Endpoint> configured) const;

  // Changes whenever Apply may give something else.
  uint64_t version() const;

  // What is changed, by name: to be shown, or kept over a restart.
  Changes changes() const;
  ByHand Of(std::string_view name) const;
  void Restore(Changes changes);

  // None: none was set by hand.
  void SetState(std::string_view name, std::optional<AdminState> state);
  void SetWeight(std::string_view name, uint32_t weight);
  void Add(const conf::Endpoint& endpoint);
  // `is_configured`: the configuration in force names it.
  void Remove(std::string_view name, bool is_configured);
  // As configured again, also if it has been removed. One that was added stays.
  void Reset(std::string_view name);

  // `configured` is in force now: forgets what is neither there nor added.
  void Forget(std::span<const conf::Endpoint> configured);

 private:
  // The change of `name` by `change`; what says nothing any more is not kept.
  template <typename Change>
  void Update(std::string_view name, Change change) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  Changes changes_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ADMINISTRATIVE_H_
