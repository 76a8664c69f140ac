// Counted: a value that can only be moved, or also be copied, and that counts how many there are
// and how many were copied. A value that has been moved from does not count.
#ifndef SLUICE_TESTS_CORE_SUPPORT_COUNTED_H_
#define SLUICE_TESTS_CORE_SUPPORT_COUNTED_H_

#include <atomic>
#include <utility>

namespace sluice::core::testing {

struct ValueCounts {
  std::atomic<int> alive{0};
  std::atomic<int> copies{0};
};

// Neither copied nor made from nothing.
class MoveOnly {
 public:
  MoveOnly(ValueCounts& counts, int number) : counts_(&counts), number_(number) {
    ++counts_->alive;
  }
  MoveOnly(MoveOnly&& other) noexcept
      : counts_(std::exchange(other.counts_, nullptr)), number_(other.number_) {}
  MoveOnly& operator=(MoveOnly&& other) noexcept {
    std::swap(counts_, other.counts_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~MoveOnly() {
    if (counts_ != nullptr) --counts_->alive;
  }

  // -1: it has been moved from.
  int number() const { return counts_ == nullptr ? -1 : number_; }

 protected:
  ValueCounts* counts_;
  int number_;
};

class Copied final : public MoveOnly {
 public:
  using MoveOnly::MoveOnly;
  Copied(Copied&&) noexcept = default;
  Copied& operator=(Copied&&) noexcept = default;
  Copied(const Copied& other) : MoveOnly(*other.counts_, other.number_) { ++counts_->copies; }
  Copied& operator=(const Copied&) = delete;
};

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_COUNTED_H_
