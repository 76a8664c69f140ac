// Histogram: counts of non-negative integers, each within 1/128 of its true value.
//
//   value        0 … 255        256 … 511       512 … 1023      …
//   bucket width    1               2               4           …     128 buckets per doubling
//
// So small values are exact and a quantile of large ones is never more than 0.8 % too high. One
// thread; 57 KiB.
#ifndef SLUICE_LOADTEST_GENERATOR_HISTOGRAM_H_
#define SLUICE_LOADTEST_GENERATOR_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::loadtest {

class Histogram {
 public:
  void Record(uint64_t value);

  // Adds everything that `other` has counted.
  void Merge(const Histogram& other);

  void Clear();

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  double mean() const;

  // The smallest recordable value that at least `quantile` (0 to 1) of those counted do not
  // exceed: the upper end of its bucket, or the maximum. 0 when nothing was counted.
  uint64_t Quantile(double quantile) const;

 private:
  static constexpr int kBits = 7;  // 2^7 buckets per doubling
  static constexpr size_t kBuckets = (64 - kBits + 1) << kBits;

  static size_t BucketOf(uint64_t value);
  static uint64_t UpperEnd(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_HISTOGRAM_H_
