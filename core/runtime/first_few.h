// FirstFew: of any number of things the `most` that come first, in order; it keeps at most twice as
// many of them at a time, and kSlack more.
//
//     FirstFew<TaskInfo, decltype(is_before)> first(20, is_before);
//     for (...) first.Add(std::move(task));
//     std::vector<TaskInfo> tasks = first.Take();
//
// Whenever it has twice as many it drops the half that comes last: so n things take O(n) steps,
// and sorting the few that are left. Threads: one.
// Checked by: tests/core/runtime/first_few_test.cc.
#ifndef SLUICE_CORE_RUNTIME_FIRST_FEW_H_
#define SLUICE_CORE_RUNTIME_FIRST_FEW_H_

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace sluice::core {

template <typename T, typename IsBefore>
class FirstFew {
 public:
  static constexpr size_t kSlack = 64;

  FirstFew(size_t most, IsBefore is_before) : most_(most), is_before_(std::move(is_before)) {}

  void Add(T thing) {
    if (most_ == 0) return;
    if (things_.size() >= kSlack && things_.size() / 2 >= most_) Drop();
    things_.push_back(std::move(thing));
  }
  size_t size() const { return things_.size(); }

  std::vector<T> Take() {
    if (things_.size() > most_) Drop();
    std::ranges::sort(things_, is_before_);
    return std::move(things_);
  }

 private:
  void Drop() {
    const auto end = things_.begin() + static_cast<std::ptrdiff_t>(most_);
    std::ranges::nth_element(things_, end, is_before_);
    things_.erase(end, things_.end());
  }

  const size_t most_;
  const IsBefore is_before_;
  std::vector<T> things_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_FIRST_FEW_H_
