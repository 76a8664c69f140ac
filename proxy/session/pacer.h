// Pacer: how fast the bytes of one direction of a session may be sent on: by its own limit, then by
// that of all sessions together.
#ifndef SLUICE_PROXY_SESSION_PACER_H_
#define SLUICE_PROXY_SESSION_PACER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/time/token_bucket.h"
#include "proxy/session/shared_pace.h"

namespace sluice::proxy {

class Pacer {
 public:
  // `own` bytes per second of this direction and what it shares with others; either may be without
  // limit. `shared` outlives the pacer.
  Pacer(uint64_t own, SharedPace& shared)
      : own_(own), shared_(shared), piece_(std::min(PieceOf(own), PieceOf(shared.per_second()))) {}

  // Bytes to take at a time: few enough that the pace is even and others get their turn.
  size_t piece() const { return piece_; }

  // Takes the right to send `bytes` by its own limit, which nobody else waits for; usable after
  // that time.
  core::Nanos TakeOwn(core::Nanos now, size_t bytes) { return own_.Take(now, bytes); }

  // By the limit of all, after that: at once (false: it has to wait), or in its turn.
  bool TryTakeShared(core::Nanos now, size_t bytes) { return shared_.TryTake(now, bytes); }
  SharedPace::PaceTurn SharedTurn(size_t bytes) { return shared_.Turn(share_, bytes); }

 private:
  static constexpr uint64_t kMinPiece = 512;
  static constexpr uint64_t kMaxPiece = 16384;
  static constexpr uint64_t kPiecesPerSecond = 50;

  static size_t PieceOf(uint64_t rate) {
    return rate == 0 ? kMaxPiece : std::clamp(rate / kPiecesPerSecond, kMinPiece, kMaxPiece);
  }

  core::TokenBucket own_;
  SharedPace& shared_;
  PaceShare share_;
  const size_t piece_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_PACER_H_
