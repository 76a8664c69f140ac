// LifeWords: words that are constant during one life of a thing and are read by other threads,
// without a lock, in memory that is used again for the next life.
//
//             Begin(id, words)                End
//   FREE(0) ─────────────────────► LIFE(id) ──────► FREE(0)
//
//   a reader:  Look ── the id; 0: nothing lives here ──► reads what it likes ──► IsStill(id)?
//                                                                                 │yes     │no
//                                                                                 ▼        ▼
//                                                                     all of one life    forget it
//
// Invariants
//   L1  No id is used twice.
//   L2  What a reader read between Look and IsStill(id) == true was written in the life `id`. That
//       holds for the words and for whatever atomics `reset` in Begin writes again.
// Memory orders: Begin's release store of the id meets Look's acquire: a reader that sees the id
// sees what was written before it. Begin's release fence, behind the store of 0 and before the
// words, meets IsStill's acquire fence, behind the reads: a reader that has read something of a
// later life sees the 0 that came before it, or what came after that, and not `id`. A thread that
// got the life from Begin's (by a queue, say) and writes what belongs to it has a release fence of
// its own before that, BeforeWrites, for the same meeting: what was seen by way of the queue is
// not seen by the reader.
// Threads: Begin and End one at a time, each seen by the next; the others any.
// Checked by: tests/model/life_words_model_test.cc.
#ifndef SLUICE_CORE_RUNTIME_LIFE_WORDS_H_
#define SLUICE_CORE_RUNTIME_LIFE_WORDS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/atomic.h"

namespace sluice::core {

template <size_t kWords>
class LifeWords {
 public:
  using Words = std::array<uint64_t, kWords>;

  // `reset` writes what else belongs to the new life, by relaxed stores.
  template <typename Reset>
  void Begin(uint64_t id, const Words& words, Reset reset) {
    AtomicFence(std::memory_order_release);
    for (size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_relaxed);
    reset();
    id_.store(id, std::memory_order_release);
  }
  // By another thread than Begin's, before it writes what belongs to this life.
  void BeforeWrites() const { AtomicFence(std::memory_order_release); }
  void End() { id_.store(0, std::memory_order_relaxed); }

  // Returns the id of what lives here; 0: nothing.
  uint64_t Look(Words& words) const {
    const uint64_t id = id_.load(std::memory_order_acquire);
    if (id == 0) return 0;
    for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_relaxed);
    return id;
  }
  bool IsStill(uint64_t id) const {
    AtomicFence(std::memory_order_acquire);
    return id_.load(std::memory_order_relaxed) == id;
  }

  // By those who keep it alive.
  uint64_t id() const { return id_.load(std::memory_order_relaxed); }

 private:
  Atomic<uint64_t> id_{0};
  std::array<Atomic<uint64_t>, kWords> words_{};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_LIFE_WORDS_H_
