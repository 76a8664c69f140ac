// Small helpers for texts and the messages about them.
//
// Messages have one form: `"X" has no unit; did you mean "Y"? Allowed: Z`. What was found and why
// it is wrong is a sentence; the suggestion and what is allowed follow it where there are any.

#ifndef SLUICE_CONF_TEXT_TEXT_H_
#define SLUICE_CONF_TEXT_TEXT_H_

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/text/decimal.h"
#include "core/text/quoted.h"
#include "core/text/utf8.h"

namespace sluice::conf {

using core::FindInvalidUtf8;
using core::ParseDecimal;
using core::Quoted;

// absl::StrCat for std::string_view too: abseil may be built with a string_view of its own.
inline absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }
template <std::integral Number>
Number Piece(Number number) {
  return number;
}
template <typename... Parts>
std::string Cat(const Parts&... parts) {
  return absl::StrCat(Piece(parts)...);
}

absl::Status InvalidArgument(std::string_view message);
std::string Message(const absl::Status& status);

constexpr bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool IsControlCharacter(char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; }
bool HasControlCharacter(std::string_view text);

// Without the mark that some editors put at the beginning of a file, and that nothing shows.
std::string_view WithoutByteOrderMark(std::string_view text);

// The text as a terminal can show it: control characters, and bytes that are not UTF-8, as \xNN.
std::string Printable(std::string_view text);

// The message with `did you mean "suggestion"?`, or with what is allowed, behind it. What is
// allowed comes last.
std::string WithSuggestion(std::string_view message, std::string_view suggestion);
std::string WithAllowed(std::string_view message, std::string_view allowed);

// The candidate with the smallest edit distance, if that is small enough to be a typing error.
std::optional<std::string> Nearest(std::string_view name,
                                   const std::vector<std::string>& candidates);

// `; did you mean "nearest"?`, or "" if nothing is near.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

// "a, b, c"; "…" after `max` of them.
std::string JoinNames(const std::vector<std::string>& names, size_t max = 40);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_TEXT_H_
