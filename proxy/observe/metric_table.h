// MetricRow: all that is said about one metric, once. A table of rows drives the slots that each
// worker counts in (MetricSlots), their sum (MetricValues) and the stats line (StatsLine).
//
//   constexpr MetricRow kTable[] = {{.name = "retries_total", .kind = kCounter, .help = "…"}, …};
//
//   worker 0  │ row 0 │ row 1, one slot for each value of its label │ row 2 …  its thread counts
//   worker 1  │ …                                                              its thread counts
//   sum       │ …                                                              added up when read
//
// To add a metric: add its row. It is counted by its name, which the compiler turns into an offset,
// so that counting is a plain load, add and store at a constant place of the worker's own slots:
//
//       core::Count(stats.of(worker).at("retries_total"));
//       core::Count(stats.of(worker).at("rejections_total", Rejection::kRate));
//       stats.of(worker).Observe("queue_duration_seconds", waited);
//
// A histogram has a slot for each of its bounds, one for what is above the last, and one for the
// sum of all values in microseconds: 10,000 sessions that stay open bring 10,000 seconds a second,
// and nanoseconds would be too many for 64 bits within three weeks.
//
// A name that is in no row, or another number of labels than the row has, does not compile.
#ifndef SLUICE_PROXY_OBSERVE_METRIC_TABLE_H_
#define SLUICE_PROXY_OBSERVE_METRIC_TABLE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/base/counter.h"
#include "core/base/time.h"

namespace sluice::proxy {

// What every metric's name begins with outside of this process.
inline constexpr std::string_view kMetricPrefix = "sluice_";

enum class MetricKind : uint8_t {
  kCounter,    // never falls
  kGauge,      // set when it is read; no worker counts it
  kHistogram,  // of times
};

// What has a series of its own outside of this process, besides each value of the row's labels.
enum class MetricScope : uint8_t {
  kProcess,
  kListener,             // label `listener`
  kUpstream,             // label `upstream`
  kListenerAndUpstream,  // both
};

inline constexpr size_t kMostBuckets = 20;

// A label and the values that it may have. An empty value is never counted.
struct MetricLabel {
  std::string_view name;
  std::span<const std::string_view> values;
};

// The names of an enum's values, as a label has them.
template <typename Enum, size_t kCount>
constexpr std::array<std::string_view, kCount> NamesOf() {
  std::array<std::string_view, kCount> names;
  for (size_t i = 0; i < kCount; ++i) names[i] = Name(static_cast<Enum>(i));
  return names;
}

struct MetricRow {
  std::string_view name;  // without the prefix; a counter's ends in _total
  MetricKind kind = MetricKind::kCounter;
  MetricScope scope = MetricScope::kProcess;
  // Keys in the stats line: of columns that are always there, which come first, and of columns that
  // are there if they are not 0. Without a * the column has the sum of all slots; with one there is
  // a column for each value of the last label, whose name stands for the *.
  std::string_view always = {};
  std::string_view if_any = {};
  std::array<MetricLabel, 2> labels = {};       // those that it has come first
  std::span<const core::Duration> bounds = {};  // of a histogram's buckets, inclusive, ascending
  std::string_view help;                        // a sentence

  constexpr size_t label_count() const {
    return labels[0].name.empty() ? 0 : labels[1].name.empty() ? 1 : 2;
  }
  constexpr size_t slot_count() const {
    if (kind == MetricKind::kHistogram) return bounds.size() + 2;
    size_t count = 1;
    for (size_t i = 0; i < label_count(); ++i) count *= labels[i].values.size();
    return count;
  }
};

// A metric without slots: its values, with whatever labels, are given when it is exposed.
struct ReadMetric {
  std::string_view name;
  MetricKind kind = MetricKind::kGauge;
  std::string_view help;
};

// Whether every row has what it needs, and its name for itself.
constexpr bool IsWellFormed(std::span<const MetricRow> rows) {
  for (const MetricRow& row : rows) {
    const bool is_counter = row.kind == MetricKind::kCounter;
    const bool is_histogram = row.kind == MetricKind::kHistogram;
    if (is_histogram != row.name.ends_with("_seconds") || is_histogram == row.bounds.empty()) {
      return false;
    }
    if (is_histogram && (row.label_count() != 0 || row.bounds.size() >= kMostBuckets)) return false;
    if (!std::ranges::is_sorted(row.bounds)) return false;
    if (row.name.empty() || is_counter != row.name.ends_with("_total")) return false;
    for (const char c : row.name) {
      if (c != '_' && (c < 'a' || c > 'z')) return false;
    }
    if (row.help.size() < 2 || !row.help.ends_with('.') || row.slot_count() == 0) return false;
    if (row.label_count() == 2 && row.labels[0].name == row.labels[1].name) return false;
    for (const MetricRow& other : rows) {
      if (&other != &row && other.name == row.name) return false;
    }
  }
  return true;
}

constexpr size_t SlotCount(std::span<const MetricRow> rows) {
  size_t count = 0;
  for (const MetricRow& row : rows) count += row.slot_count();
  return count;
}

// One metric of a table that has `kLabels` labels: made of its name by the compiler.
template <const auto& kTable, size_t kLabels>
class MetricId {
 public:
  consteval MetricId(const char* name) {  // NOLINT: a name stands for it
    for (const MetricRow& row : kTable) {
      if (row.name == name) {
        SLUICE_CHECK(row.label_count() == kLabels);
        if (kLabels == 2) second_values_ = row.labels[1].values.size();
        slots_ = row.slot_count();
        bounds_ = row.bounds;
        return;
      }
      offset_ += row.slot_count();
    }
    SLUICE_CHECK(false);  // no row has this name
  }

  constexpr size_t offset() const { return offset_; }
  constexpr size_t slots() const { return slots_; }
  constexpr size_t second_values() const { return second_values_; }
  constexpr std::span<const core::Duration> bounds() const { return bounds_; }

 private:
  size_t offset_ = 0;
  size_t slots_ = 0;
  size_t second_values_ = 0;
  std::span<const core::Duration> bounds_;
};

// Where a metric's slots are among those of a whole table. `Slot` is what one consists of.
template <const auto& kTable, typename Slot>
class MetricArray {
 public:
  Slot& at(MetricId<kTable, 0> metric) { return slots_[metric.offset()]; }
  template <typename Label>
  Slot& at(MetricId<kTable, 1> metric, Label label) {
    return slots_[metric.offset() + static_cast<size_t>(label)];
  }
  template <typename First, typename Second>
  Slot& at(MetricId<kTable, 2> metric, First first, Second second) {
    return slots_[metric.offset() + static_cast<size_t>(first) * metric.second_values() +
                  static_cast<size_t>(second)];
  }

  static constexpr size_t kSlots = SlotCount(kTable);
  std::array<Slot, kSlots>& all() { return slots_; }
  const std::array<Slot, kSlots>& all() const { return slots_; }

 private:
  std::array<Slot, kSlots> slots_{};
};

// What one worker counts. Written by that worker alone, without locked instructions.
template <const auto& kTable>
class alignas(64) MetricSlots : public MetricArray<kTable, core::Atomic<uint64_t>> {
 public:
  // One more value of a histogram: less than nothing is nothing.
  void Observe(MetricId<kTable, 0> histogram, core::Duration value) {
    value = std::max(value, core::Duration(0));
    const std::span<const core::Duration> bounds = histogram.bounds();
    const auto bucket =
        static_cast<size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
    core::Count(this->all()[histogram.offset() + bucket]);
    core::Count(this->all()[histogram.offset() + bounds.size() + 1],
                static_cast<uint64_t>((value + 500ns) / 1us));
  }
};

// The sums at one moment, and what is set then.
template <const auto& kTable>
class MetricValues : public MetricArray<kTable, uint64_t> {
 public:
  MetricValues& operator+=(const MetricValues& other) {
    for (size_t i = 0; i < this->all().size(); ++i) this->all()[i] += other.all()[i];
    return *this;
  }
};

// The metrics of a table, counted by each worker for itself.
template <const auto& kTable>
class Metrics {
 public:
  static_assert(IsWellFormed(kTable));

  explicit Metrics(size_t workers) : workers_(workers) {}

  MetricSlots<kTable>& of(uint32_t worker) { return workers_[worker]; }

  // Any thread. The rows are read one after the other: where one counts what another one has
  // counted before, it is read first, and never the larger of the two.
  MetricValues<kTable> Sum() const {
    MetricValues<kTable> sum;
    for (size_t i = 0; i < sum.all().size(); ++i) {
      for (const MetricSlots<kTable>& worker : workers_) {
        sum.all()[i] += worker.all()[i].load(std::memory_order_acquire);
      }
    }
    return sum;
  }

 private:
  std::vector<MetricSlots<kTable>> workers_;
};

// "key=value key=value …" of the rows' columns. `values`: of all rows, one after the other.
std::string StatsLine(std::span<const MetricRow> rows, std::span<const uint64_t> values);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_METRIC_TABLE_H_
