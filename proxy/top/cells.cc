#include "proxy/top/cells.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "conf/text/text.h"

namespace sluice::proxy {
namespace {

constexpr size_t kMark = 2;     // in front of a row
constexpr size_t kGap = 2;      // between columns
constexpr size_t kWidest = 48;  // of a column

struct Sized {
  TopCells column;
  size_t width = 0;
};

size_t WidthOfAll(const std::vector<Sized>& columns) {
  size_t width = kMark;
  for (const Sized& each : columns) width += each.width + kGap;
  return width - (columns.empty() ? 0 : kGap);
}

uint8_t RankOf(const Sized& each) { return each.column.is_sorted ? 0 : each.column.rank; }

// Leaves out columns until they fit, those of the highest rank first and of these the last.
void Fit(std::vector<Sized>& columns, size_t width) {
  while (WidthOfAll(columns) > width && columns.size() > 1) {
    auto worst = columns.begin();
    for (auto each = columns.begin(); each != columns.end(); ++each) {
      if (RankOf(*each) >= RankOf(*worst)) worst = each;
    }
    if (RankOf(*worst) == 0) return;
    columns.erase(worst);
  }
}

std::string Padded(const std::string& text, size_t width, bool is_number) {
  const std::string cut = Cut(text, width);
  const std::string space(width - WidthOf(cut), ' ');
  return is_number ? space + cut : cut + space;
}

}  // namespace

void AppendCells(std::vector<TopCells> all, std::optional<size_t> chosen, size_t width,
                 std::vector<TopLine>& lines) {
  std::vector<Sized> columns;
  for (TopCells& each : all) {
    size_t widest = each.title.size() + 1;  // for the mark of the order
    for (TopCells::Cell& cell : each.cells) {
      cell.text = conf::Printable(cell.text);
      widest = std::max(widest, std::min(WidthOf(cell.text), kWidest));
    }
    columns.push_back({.column = std::move(each), .width = widest});
  }
  Fit(columns, width);
  std::string headings(kMark, ' ');
  for (const Sized& each : columns) {
    std::string title = each.column.title;
    if (each.column.is_sorted) title += each.column.is_reversed ? '^' : 'v';
    absl::StrAppend(&headings, Padded(title, each.width, each.column.is_number),
                    std::string(kGap, ' '));
  }
  headings.resize(std::max(headings.size(), width), ' ');
  lines.push_back({{Cut(headings.substr(0, width), width), TopLook::kReverse}});
  const size_t count = columns.empty() ? 0 : columns[0].column.cells.size();
  for (size_t i = 0; i < count; ++i) {
    const bool is_chosen = chosen == i;
    TopLine line = {{is_chosen ? "> " : "  ", TopLook::kBold}};
    for (const Sized& each : columns) {
      const TopCells::Cell& cell = each.column.cells[i];
      if (line.size() > 1) line.push_back({std::string(kGap, ' ')});
      line.push_back({Padded(cell.text, each.width, each.column.is_number),
                      cell.look.value_or(is_chosen ? TopLook::kBold : TopLook::kPlain)});
    }
    lines.push_back(std::move(line));
  }
}

TopPage PageOf(size_t index, size_t total, size_t most) {
  const size_t chosen = std::min(index, total == 0 ? 0 : total - 1);
  const size_t first = chosen / most * most;
  return {.first = first, .count = std::min(most, total - first), .chosen = chosen - first};
}

std::vector<TopLine> HelpLines(std::string title, std::span<const std::string_view> help) {
  std::vector<TopLine> lines = {{{std::move(title), TopLook::kBold}}, {}};
  for (const std::string_view line : help) lines.push_back({{std::string(line)}});
  lines.push_back({});
  lines.push_back({{"Any key leads back.", TopLook::kQuiet}});
  return lines;
}

TopLine Fitted(TopLine line, size_t columns) {
  size_t left = columns;
  for (TopText& each : line) {
    each.text = Cut(each.text, left);
    left -= WidthOf(each.text);
  }
  return line;
}

}  // namespace sluice::proxy
