// Characters that look like those of YAML, or like nothing at all, and are others.
//
// They come from word processors, web pages and chats: typographic quotes, no-break spaces,
// zero-width and full-width characters. YAML takes them for ordinary letters.

#ifndef SLUICE_CONF_TEXT_CHARACTERS_H_
#define SLUICE_CONF_TEXT_CHARACTERS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::conf {

struct Lookalike {
  size_t offset = 0;     // of its first byte
  size_t character = 1;  // which character of the text it is
  std::string what;      // `“ (U+201C), a typographic quote`, `U+00A0, a no-break space`
  bool is_invisible = false;
};

// The first lookalike in `text`, which is UTF-8.
std::optional<Lookalike> FindLookalike(std::string_view text);

// Whether the text has a character that cannot be seen, or not be told from a blank.
bool HasInvisible(std::string_view text);

// What was probably meant: ASCII in place of the lookalikes, without the invisible ones at the
// ends.
std::string WithoutLookalikes(std::string_view text);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_CHARACTERS_H_
