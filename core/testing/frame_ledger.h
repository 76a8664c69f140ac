// FrameLedger: the coroutine frames that are made while it lives: how large they are, by whom they
// were made, and which of them are left.
//
//     FrameLedger ledger;                         // before the runtime
//     { Runtime runtime; runtime.BlockOn(Main()); }
//     for (const FrameKind& kind : ledger.Left()) ...     // "Serve()": 2 frames of 176 bytes
//     std::fputs(ledger.Table().c_str(), stderr);         // all kinds, the largest first
//
// The largest tell where a large local variable lives across a co_await: an array of a kilobyte is
// a kilobyte of each such frame for as long as it waits; a block of its own around the array, which
// ends before the co_await, takes it out. A kind is a coroutine function, known by the symbol of
// the code that made its frame: where the compiler has put one function into another, the outer
// name.
//
// While it lives no frame comes from a cache (core/task/frame_cache.h) and each takes a lock: for
// tests. One at a time. Threads: any.
// Checked by: tests/core/testing/frame_ledger_test.cc.
#ifndef SLUICE_CORE_TESTING_FRAME_LEDGER_H_
#define SLUICE_CORE_TESTING_FRAME_LEDGER_H_

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "core/task/frame_cache.h"

namespace sluice::core::testing {

struct FrameKind {
  std::string made_by;
  size_t size = 0;   // bytes of one
  size_t count = 0;  // how many
};

class FrameLedger final : private FrameWatch {
 public:
  FrameLedger();
  FrameLedger(const FrameLedger&) = delete;
  FrameLedger& operator=(const FrameLedger&) = delete;
  ~FrameLedger();

  size_t left() const;
  // The largest first.
  std::vector<FrameKind> Left() const;
  std::vector<FrameKind> Seen() const;
  // Those that it has seen, as a text of lines.
  std::string Table() const;

 private:
  // The nearest callers of the allocation: the first that is not a part of it is the maker.
  static constexpr size_t kCallers = 6;
  struct Maker {
    std::array<void*, kCallers> callers{};
    size_t size = 0;
    friend bool operator==(const Maker&, const Maker&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Maker& maker) {
      return H::combine(std::move(state), maker.callers, maker.size);
    }
  };
  using Counts = absl::flat_hash_map<Maker, size_t>;

  void Made(void* frame, size_t size) override;
  void Freed(void* frame) noexcept override;
  static std::vector<FrameKind> KindsOf(const Counts& counts);

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<void*, Maker> left_ ABSL_GUARDED_BY(mutex_);
  Counts seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::core::testing

#endif  // SLUICE_CORE_TESTING_FRAME_LEDGER_H_
