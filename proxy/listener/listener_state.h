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

class ListenerState final : public core::RefCounted {
 public:
  // `session.bandwidth` has the limit of each connection; what is shared is set here.
  ListenerState(WhenExhausted when_exhausted, core::IntrusivePtr<Admission> admission,
                core::IntrusivePtr<SharedBandwidth> bandwidth, SessionContext session)
      : when_exhausted_(when_exhausted),
        admission_(std::move(admission)),
        bandwidth_(std::move(bandwidth)),
        session_(WithBandwidth(std::move(session), *bandwidth_)) {}

  const std::string& name() const { return session_.listener; }
  WhenExhausted when_exhausted() const { return when_exhausted_; }
  const core::IntrusivePtr<Admission>& admission() const { return admission_; }
  const core::IntrusivePtr<SharedBandwidth>& bandwidth() const { return bandwidth_; }
  const SessionContext& session() const { return session_; }

  // Accept loops that work with this state look for the next one.
  void EndTerm() { replaced_.Cancel(); }
  bool term_ended() const { return replaced_.cancelled(); }
  core::CancellationToken end_of_term() { return replaced_.token(); }

 private:
  static SessionContext WithBandwidth(SessionContext session, SharedBandwidth& bandwidth) {
    session.bandwidth.up = &bandwidth.up;
    session.bandwidth.down = &bandwidth.down;
    return session;
  }

  const WhenExhausted when_exhausted_;
  const core::IntrusivePtr<Admission> admission_;
  const core::IntrusivePtr<SharedBandwidth> bandwidth_;
  const SessionContext session_;
  core::CancellationSource replaced_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_LISTENER_STATE_H_
