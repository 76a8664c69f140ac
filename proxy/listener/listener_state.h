// ListenerState: how the connections of one listener are treated, from admission to their end.
//
// It does not change: another configuration makes another state, which takes over the listener's
// addresses. The time between two changes is a term:
//
//   made by a topology ── acceptors are given it ──► IN FORCE ── EndTerm ──► REPLACED
//                                                     │  new sessions          │ its sessions go on
//                                                     ▼                        ▼
//                                                 accept loops refer to it; sessions refer to it
//
// Threads: any.
#ifndef SLUICE_PROXY_LISTENER_LISTENER_STATE_H_
#define SLUICE_PROXY_LISTENER_LISTENER_STATE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "core/base/intrusive_ptr.h"
#include "core/sync/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/identity/access_list.h"
#include "proxy/session/rejected.h"
#include "proxy/session/routing.h"
#include "proxy/session/session.h"
#include "proxy/session/shared_pace.h"

namespace sluice::proxy {

// The bandwidth that all sessions of a listener share; bytes per second each way, 0: no limit.
struct SharedBandwidth final : core::RefCounted {
  explicit SharedBandwidth(uint64_t total) : total(total), up(total), down(total) {}
  const uint64_t total;
  SharedPace up;
  SharedPace down;
};

// A session refers to its SessionContext, and so to all of this: the limits that its ticket belongs
// to, the shared bandwidth, and the upstream.
class ListenerState final : public SessionContext {
 public:
  // `settings.bandwidth` has the limit of each connection; what is shared is set here.
  ListenerState(WhenExhausted when_exhausted, AccessLists access,
                core::IntrusivePtr<Admission> admission,
                core::IntrusivePtr<SharedBandwidth> shared_bandwidth,
                core::IntrusivePtr<RejectionThrottles> throttles,
                core::IntrusivePtr<CurrentContext> current, SessionSettings settings)
      : SessionContext(WithBandwidth(std::move(settings), *shared_bandwidth)),
        when_exhausted_(when_exhausted),
        access_(std::move(access)),
        admission_(std::move(admission)),
        shared_bandwidth_(std::move(shared_bandwidth)),
        throttles_(std::move(throttles)),
        current_(std::move(current)) {}

  const std::string& name() const { return listener; }
  WhenExhausted when_exhausted() const { return when_exhausted_; }
  const AccessLists& access() const { return access_; }
  const core::IntrusivePtr<Admission>& admission() const { return admission_; }
  const core::IntrusivePtr<SharedBandwidth>& shared_bandwidth() const { return shared_bandwidth_; }

  const core::IntrusivePtr<RejectionThrottles>& throttles() const { return throttles_; }

  // Where sessions that wait to be routed find the listener of this name that is in force.
  const core::IntrusivePtr<CurrentContext>& current() const { return current_; }

  // Accept loops that work with this state look for the next one.
  void EndTerm() { replaced_.Cancel(); }
  bool term_ended() const { return replaced_.cancelled(); }
  core::CancellationToken end_of_term() { return replaced_.token(); }

 private:
  static SessionSettings WithBandwidth(SessionSettings settings, SharedBandwidth& shared) {
    settings.bandwidth.up = &shared.up;
    settings.bandwidth.down = &shared.down;
    return settings;
  }

  const WhenExhausted when_exhausted_;
  const AccessLists access_;
  const core::IntrusivePtr<Admission> admission_;
  const core::IntrusivePtr<SharedBandwidth> shared_bandwidth_;
  const core::IntrusivePtr<RejectionThrottles> throttles_;
  const core::IntrusivePtr<CurrentContext> current_;
  core::CancellationSource replaced_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_LISTENER_STATE_H_
