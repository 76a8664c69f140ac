// Exposition: metrics as Prometheus reads them: its text format, or OpenMetrics 1.0.
//
//     Exposition exposition(ExpositionFormat::kText);
//     exposition.Add(kMetrics, series);                      // what workers count
//     exposition.Add(kBuildInfo, {{.labels = {{"version", "1"}}, .value = 1}});
//     std::string body = std::move(exposition).Finish();
//
// A metric has a series for each value of its scope's labels, and for each value of its own label.
// A metric with two labels of its own has only those series that have counted something: most
// pairs never come. Names and labels are bounded by the configuration; nothing is labelled by what
// a client can choose.
// Checked by: tests/proxy/observe/exposition_test.cc, tests/e2e/test_metrics.py.
#ifndef SLUICE_PROXY_OBSERVE_EXPOSITION_H_
#define SLUICE_PROXY_OBSERVE_EXPOSITION_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/observe/metric_table.h"

namespace sluice::proxy {

enum class ExpositionFormat { kText, kOpenMetrics };

// OpenMetrics where the client's Accept header names it, the text format otherwise.
ExpositionFormat ExpositionFormatFor(std::string_view accept);
std::string_view ContentType(ExpositionFormat format);

using MetricLabels = std::vector<std::pair<std::string_view, std::string>>;

// What has been counted in one place. A scope of "" has no series of its own and counts in sums.
struct MetricSeries {
  std::string_view listener;
  std::string_view upstream;
  std::span<const uint64_t> values;  // of all rows, one after the other
};

struct ReadValue {
  MetricLabels labels;
  uint64_t value;
};

class Exposition {
 public:
  explicit Exposition(ExpositionFormat format) : format_(format) {}

  // Series of the same scope are added up.
  void Add(std::span<const MetricRow> rows, std::span<const MetricSeries> series);
  void Add(const ReadMetric& metric, std::span<const ReadValue> values);

  std::string Finish() &&;

 private:
  void Head(std::string_view name, MetricKind kind, std::string_view help);
  void Sample(std::string_view name, std::string_view suffix, const MetricLabels& labels,
              std::string_view value);
  void AddRow(const MetricRow& row, const MetricLabels& scope, std::span<const uint64_t> slots);
  void AddHistogram(const MetricRow& row, MetricLabels labels, std::span<const uint64_t> slots);

  const ExpositionFormat format_;
  std::string text_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_EXPOSITION_H_
