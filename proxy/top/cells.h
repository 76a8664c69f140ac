// Cells: rows on a screen, in columns that are as wide as they need to be. Where the screen is too
// narrow, columns of the highest rank go first; those of rank 0 stay. Pure.
#ifndef SLUICE_PROXY_TOP_CELLS_H_
#define SLUICE_PROXY_TOP_CELLS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/top/screen.h"

namespace sluice::proxy {

struct TopCells {
  struct Cell {
    std::string text;
    std::optional<TopLook> look = {};  // none: that of the row
  };
  std::string title;
  uint8_t rank = 0;
  bool is_number = false;  // to the right
  bool is_sorted = false;  // by this column, which then stays
  bool is_reversed = false;
  std::vector<Cell> cells;  // one for each row
};

// `chosen`: the row with the mark, or none.
void AppendCells(std::vector<TopCells> columns, std::optional<size_t> chosen, size_t width,
                 std::vector<TopLine>& lines);

// Which of `total` rows are seen, `most` at a time: the page that has row `index`, or the last one.
struct TopPage {
  size_t first = 0;
  size_t count = 0;
  size_t chosen = 0;  // of these
};
TopPage PageOf(size_t index, size_t total, size_t most);

// What ? shows.
std::vector<TopLine> HelpLines(std::string title, std::span<const std::string_view> help);

// A line of a screen: what does not fit is cut off.
TopLine Fitted(TopLine line, size_t columns);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_CELLS_H_
