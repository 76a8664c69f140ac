#include "conf/schema/http_scalars.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "conf/schema/forms.h"
#include "conf/text/characters.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr size_t kMostMethod = 20;
constexpr size_t kMostText = 1000;

bool IsVisible(char c) { return c > ' ' && c < 0x7f; }

bool IsText(std::string_view text) {
  return text.size() <= kMostText && std::ranges::all_of(text, IsVisible);
}

Scalar Text(std::string& field, std::string allowed, bool (*is_one)(std::string_view),
            std::string_view what) {
  return {std::move(allowed),
          [&field, is_one, what](std::string_view text) {
            if (!is_one(text)) return InvalidArgument(Cat(Quoted(text), " is not ", what));
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; }};
}

bool IsMethod(std::string_view text) {
  return !text.empty() && text.size() <= kMostMethod &&
         std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool IsPath(std::string_view text) { return text.starts_with('/') && IsText(text); }

}  // namespace

Scalar HttpMethod(std::string& field) {
  Scalar method =
      Text(field, "a method such as GET, HEAD or OPTIONS", IsMethod, "a method of HTTP");
  method.form = {.words = {"GET", "HEAD", "OPTIONS"}, .pattern = "^[A-Z]+$"};
  return method;
}

Scalar HttpPath(std::string& field) {
  Scalar path = Text(field, "/ and what follows it, without blanks", IsPath, "a path");
  path.form = StringForm(kHttpPathPattern);
  return path;
}

Scalar HttpHostOrEmpty(std::string& field) {
  return Text(field, "a host name, or \"\" (the address that is checked)", IsText, "a host name");
}

Scalar HttpCodesOf(HttpCodes& field) {
  const auto parse = [&field](std::string_view text) {
    const bool is_three = text.size() == 3 && text[0] >= '1' && text[0] <= '5';
    const bool is_class = is_three && text.substr(1) == "xx";
    if (!is_class && !(is_three && IsAsciiDigit(text[1]) && IsAsciiDigit(text[2]))) {
      return InvalidArgument(Cat(Quoted(text), " is not a status of HTTP"));
    }
    const auto hundreds = static_cast<uint32_t>(text[0] - '0') * 100;
    const auto rest = static_cast<uint32_t>((text[1] - '0') * 10 + (text[2] - '0'));
    field =
        is_class ? HttpCodes{hundreds, hundreds + 99} : HttpCodes{hundreds + rest, hundreds + rest};
    return absl::OkStatus();
  };
  const auto format = [&field]() -> std::string {
    if (field == HttpCodes()) return "";  // of an item that has not been read yet
    return field.first == field.last ? Cat(field.first) : Cat(field.first / 100, "xx");
  };
  Scalar scalar = {std::string(kHttpCodesForms), parse, format};
  scalar.clear = [&field] { field = {}; };
  scalar.form = PatternForm(kHttpCodesPattern);
  return scalar;
}

}  // namespace sluice::conf
