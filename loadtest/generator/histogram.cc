#include "loadtest/generator/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::loadtest {

// Below 2^(kBits + 1) the shift is 0 and a bucket is its value; above, each doubling adds 2^kBits
// buckets, which the kBits bits behind the highest one distinguish.
size_t Histogram::BucketOf(uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
  return (static_cast<size_t>(shift) << kBits) + static_cast<size_t>(value >> shift);
}

uint64_t Histogram::UpperEnd(size_t bucket) {
  if (bucket < (size_t{2} << kBits)) return bucket;
  const size_t shift = (bucket >> kBits) - 1;
  const uint64_t lower = static_cast<uint64_t>(bucket - (shift << kBits)) << shift;
  return lower + ((uint64_t{1} << shift) - 1);
}

void Histogram::Record(uint64_t value) {
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

void Histogram::Clear() { *this = Histogram(); }

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

uint64_t Histogram::Quantile(double quantile) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen > 0 && seen >= wanted) return std::min(UpperEnd(i), max_);
  }
  return max_;
}

}  // namespace sluice::loadtest
