// What `sluice top` shows: lines of texts, and how each looks. A terminal without colours shows all
// of it, too: a look repeats what a word says.
#ifndef SLUICE_PROXY_TOP_SCREEN_H_
#define SLUICE_PROXY_TOP_SCREEN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::proxy {

enum class TopLook : uint8_t { kPlain, kBold, kQuiet, kReverse, kGood, kWarn, kBad };

struct TopText {
  std::string text;
  TopLook look = TopLook::kPlain;
};
using TopLine = std::vector<TopText>;

struct TopSize {
  size_t rows = 24;
  size_t columns = 80;
};

// What was pressed.
struct TopKey {
  enum class Kind : uint8_t {
    kNone,  // for a time
    kUp,
    kDown,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kLeft,
    kRight,
    kEnter,
    kEscape,
    kBackspace,
    kResize,
    kText,
  };
  Kind kind = Kind::kNone;
  char text = '\0';  // of kText
};

// Characters of UTF-8, of which each is taken to be a column wide.
size_t WidthOf(const std::string& text);
// The first `width` of them; one that is cut ends with a `~`.
std::string Cut(const std::string& text, size_t width);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_SCREEN_H_
