// Pacer: how fast the bytes of one direction of a session may be sent on: first by the limit of the
// direction, then by the limit that all sessions share.
#ifndef SLUICE_PROXY_SESSION_PACER_H_
#define SLUICE_PROXY_SESSION_PACER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/time.h"
#include "core/time/token_bucket.h"
#include "proxy/session/shared_pace.h"

namespace sluice::proxy {

class Pacer {
 public:
  // `own`: bytes per second of this direction. Either limit may be absent. `shared` outlives the
  // pacer.
  Pacer(uint64_t own, SharedPace& shared)
      : own_(own), shared_(shared), piece_(std::min(PieceAt(own), PieceAt(shared.per_second()))) {}

  // Bytes to take at a time: few enough that the pace is even and other flows get their turn.
  size_t piece() const { return piece_; }

  // Takes the right to send `bytes` from its own limit, for which no other flow waits. Returns how
  // long to wait before it may be used.
  core::Duration TakeOwn(core::Instant now, size_t bytes) { return own_.Take(now, bytes); }

  // After that from the shared limit: at once (false: the flow has to wait), or in its turn.
  bool TryTakeShared(core::Instant now, size_t bytes) { return shared_.TryTake(now, bytes); }
  SharedPace::PaceTurn SharedTurn(size_t bytes) { return shared_.Turn(share_, bytes); }

 private:
  core::TokenBucket own_;
  SharedPace& shared_;
  PaceShare share_;
  const size_t piece_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_PACER_H_
