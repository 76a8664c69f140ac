#include "proxy/observe/exposition.h"

#include <cstddef>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text/utf8.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kOpenMetricsType = "application/openmetrics-text";

// `text` is a number of seconds with a point: "0.00005", "5", and in OpenMetrics "5.0".
std::string Shortened(std::string text, ExpositionFormat format) {
  text.erase(text.find_last_not_of('0') + 1);
  if (!text.ends_with('.')) return text;
  if (format == ExpositionFormat::kOpenMetrics) return text + "0";
  text.pop_back();
  return text;
}

std::string Seconds(core::Duration time, ExpositionFormat format) {
  return Shortened(absl::StrFormat("%d.%09d", time / 1s, time % 1s / 1ns), format);
}

// Of a sum, which may be larger than a Duration.
std::string SecondsOfMicros(uint64_t micros, ExpositionFormat format) {
  return Shortened(absl::StrFormat("%d.%06d", micros / 1'000'000, micros % 1'000'000), format);
}

// A byte that belongs to no UTF-8 character becomes U+FFFD: scrapers drop all of a text that has
// one.
void AppendLabelValue(std::string_view value, std::string& out) {
  while (!value.empty()) {
    const size_t length = core::CharacterLength(value);
    if (value[0] == '\n') {
      out += "\\n";
    } else if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      if (value[0] == '\\' || value[0] == '"') out += '\\';
      out.append(value, 0, length);
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
}

std::string_view TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "";
}

bool HasScope(const MetricRow& row, const MetricSeries& series) {
  return row.scope == MetricScope::kProcess || !series.listener.empty();
}

MetricLabels ScopeOf(const MetricRow& row, const MetricSeries& series) {
  MetricLabels labels;
  const bool is_both = row.scope == MetricScope::kListenerAndUpstream;
  if (is_both || row.scope == MetricScope::kListener) {
    labels.emplace_back("listener", series.listener);
  }
  if (is_both || row.scope == MetricScope::kUpstream) {
    labels.emplace_back("upstream", series.upstream);
  }
  return labels;
}

}  // namespace

ExpositionFormat ExpositionFormatFor(std::string_view accept) {
  return accept.find(kOpenMetricsType) == std::string_view::npos ? ExpositionFormat::kText
                                                                 : ExpositionFormat::kOpenMetrics;
}

std::string_view ContentType(ExpositionFormat format) {
  return format == ExpositionFormat::kText
             ? "text/plain; version=0.0.4; charset=utf-8"
             : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

void Exposition::Add(std::span<const MetricRow> rows, std::span<const MetricSeries> series) {
  size_t offset = 0;
  for (const MetricRow& row : rows) {
    Head(row.name, row.kind, row.help);
    std::map<MetricLabels, std::vector<uint64_t>> scopes;
    if (row.scope == MetricScope::kProcess) scopes[{}].resize(row.slot_count());
    for (const MetricSeries& each : series) {
      if (!HasScope(row, each)) continue;
      std::vector<uint64_t>& sum = scopes[ScopeOf(row, each)];
      sum.resize(row.slot_count());
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += each.values[offset + i];
    }
    for (const auto& [scope, slots] : scopes) AddRow(row, scope, slots);
    offset += row.slot_count();
  }
}

void Exposition::AddRow(const MetricRow& row, const MetricLabels& scope,
                        std::span<const uint64_t> slots) {
  if (row.kind == MetricKind::kHistogram) return AddHistogram(row, scope, slots);
  const size_t inner = row.label_count() == 2 ? row.labels[1].values.size() : 1;
  for (size_t i = 0; i < slots.size(); ++i) {
    MetricLabels labels = scope;
    bool is_counted = true;
    for (size_t l = 0; l < row.label_count(); ++l) {
      const size_t value =
          l == 1 || row.label_count() == 1 ? i % row.labels[l].values.size() : i / inner;
      is_counted = is_counted && !row.labels[l].values[value].empty();
      labels.emplace_back(row.labels[l].name, row.labels[l].values[value]);
    }
    if (!is_counted || (row.label_count() == 2 && slots[i] == 0)) continue;
    Sample(row.name, "", labels, std::to_string(slots[i]));
  }
}

void Exposition::AddHistogram(const MetricRow& row, MetricLabels labels,
                              std::span<const uint64_t> slots) {
  uint64_t count = 0;
  labels.emplace_back("le", "");
  for (size_t i = 0; i <= row.bounds.size(); ++i) {
    count += slots[i];
    labels.back().second = i < row.bounds.size() ? Seconds(row.bounds[i], format_) : "+Inf";
    Sample(row.name, "_bucket", labels, std::to_string(count));
  }
  labels.pop_back();
  Sample(row.name, "_sum", labels, SecondsOfMicros(slots.back(), format_));
  Sample(row.name, "_count", labels, std::to_string(count));
}

void Exposition::Add(const ReadMetric& metric, std::span<const ReadValue> values) {
  Head(metric.name, metric.kind, metric.help);
  for (const ReadValue& each : values) {
    Sample(metric.name, "", each.labels, std::to_string(each.value));
  }
}

// OpenMetrics calls a family of counters by its name without "_total".
void Exposition::Head(std::string_view name, MetricKind kind, std::string_view help) {
  std::string family = absl::StrCat(std::string(kMetricPrefix), std::string(name));
  if (format_ == ExpositionFormat::kOpenMetrics && kind == MetricKind::kCounter) {
    family.erase(family.rfind("_total"));
  }
  absl::StrAppend(&text_, "# HELP ", family, " ", std::string(help), "\n# TYPE ", family, " ",
                  std::string(TypeOf(kind)), "\n");
}

void Exposition::Sample(std::string_view name, std::string_view suffix, const MetricLabels& labels,
                        std::string_view value) {
  text_ += kMetricPrefix;
  text_ += name;
  text_ += suffix;
  if (!labels.empty()) {
    char before = '{';
    for (const auto& [label, text] : labels) {
      text_ += before;
      text_ += label;
      text_ += "=\"";
      AppendLabelValue(text, text_);
      text_ += '"';
      before = ',';
    }
    text_ += '}';
  }
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

std::string Exposition::Finish() && {
  if (format_ == ExpositionFormat::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace sluice::proxy
