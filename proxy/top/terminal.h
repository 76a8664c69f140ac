// Terminal: a screen that lines are shown on, and keys. ncurses draws: what has not changed is not
// sent again, and a terminal of any kind and size will do.
//
// Only terminal.cc includes <curses.h>. One at a time: the library has its state in the process.
// Checked by: tests/e2e/test_top.py.
#ifndef SLUICE_PROXY_TOP_TERMINAL_H_
#define SLUICE_PROXY_TOP_TERMINAL_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/top/screen.h"

namespace sluice::proxy {

class Terminal {
 public:
  // Takes the terminal of standard input and output over, until it is destroyed.
  // FAILED_PRECONDITION: there is none, or its kind is not known; a sentence.
  // `with_colours`: where it has some. `program`: who needs it, for the sentence.
  static absl::StatusOr<std::unique_ptr<Terminal>> Open(bool with_colours,
                                                        std::string_view program);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  TopSize size() const;
  void Show(const std::vector<TopLine>& lines);
  // Waits at most so long.
  TopKey Read(core::Duration wait);
  // Whether the last Read() found no terminal any more: no key will come, and nothing is seen.
  bool is_gone() const { return is_gone_; }

 private:
  explicit Terminal(bool has_colours) : has_colours_(has_colours) {}
  int AttributesOf(TopLook look) const;

  const bool has_colours_;
  bool is_gone_ = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_TERMINAL_H_
