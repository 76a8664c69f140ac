#include "conf/schema/check_scalars.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/escaping.h"
#include "conf/schema/forms.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

std::string Allowed() {
  return Cat("1 to ", kMostCheckBytes, " bytes, as a text or { hex: \"0d 0a\" }");
}

absl::Status CheckSize(size_t size) {
  if (size == 0) return InvalidArgument("it is empty: leave the key out for nothing");
  if (size <= kMostCheckBytes) return absl::OkStatus();
  return InvalidArgument(Cat("it has ", size, " bytes"));
}

std::optional<std::string> BytesOfHex(std::string_view text) {
  std::string digits(text);
  std::erase(digits, ' ');
  const auto is_digit = [](char c) {
    return IsAsciiDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (digits.size() % 2 != 0 || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  return absl::HexStringToBytes(digits);
}

// The messages do not repeat what may be a secret.
Scalar Text(CheckBytes& field) {
  return {Allowed(),
          [&field](std::string_view text) {
            if (absl::Status sized = CheckSize(text.size()); !sized.ok()) return sized;
            field = {.bytes = std::string(text), .is_hex = false};
            return absl::OkStatus();
          },
          [&field] { return field.is_hex ? "" : field.bytes; }};
}

Scalar Hex(CheckBytes& field) {
  return {Allowed(),
          [&field](std::string_view text) {
            const std::optional<std::string> bytes = BytesOfHex(text);
            if (!bytes) return InvalidArgument("it is not made of pairs of hexadecimal digits");
            if (absl::Status sized = CheckSize(bytes->size()); !sized.ok()) return sized;
            field = {.bytes = *bytes, .is_hex = true};
            return absl::OkStatus();
          },
          [&field] { return field.is_hex ? absl::BytesToHexString(field.bytes) : ""; },
          {},
          {},
          false,
          PatternForm(kHexPattern)};
}

}  // namespace

Map BytesOf(CheckBytes& field, bool is_secret) {
  const auto fields = [&field, is_secret](Visitor& v) {
    for (const bool is_hex : {false, true}) {
      Scalar scalar = is_hex ? Hex(field) : Text(field);
      scalar.is_secret = is_secret;
      scalar.clear = [&field, is_hex] {
        if (field.is_hex == is_hex) field = {};
      };
      v.Optional(is_hex ? "hex" : "text", scalar);
    }
  };
  return Map{.fields = fields, .shorthand = "text"};
}

Scalar CheckTextOrEmpty(std::string& field) {
  return {Cat("at most ", kMostCheckBytes, " bytes of text, or \"\" (nothing)"),
          [&field](std::string_view text) {
            if (text.size() > kMostCheckBytes) {
              return InvalidArgument(Cat("it has ", text.size(), " bytes"));
            }
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; }};
}

}  // namespace sluice::conf
