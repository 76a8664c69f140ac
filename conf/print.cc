#include "conf/print.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <variant>

#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "conf/text/env.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// Without quotes only what no YAML reader could take for anything but text or a number.
bool IsPlain(std::string_view text) {
  const auto is_safe = [](char c) {
    return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '.' || c == '_' || c == '-' || c == '/' ||
           c == ':' || c == '%';
  };
  const bool begins_well = !text.empty() && (IsAsciiLetter(text[0]) || IsAsciiDigit(text[0]));
  const bool is_null = text == "null" || text == "Null" || text == "NULL";
  return begins_well && !text.ends_with(':') && !is_null && std::ranges::all_of(text, is_safe);
}

// As double quotes need it.
std::string Escaped(char c) {
  if (c == '"' || c == '\\') return {'\\', c};
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  if (!IsControlCharacter(c)) return std::string(1, c);
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
}

std::string YamlScalar(std::string_view value) {
  std::string text = EscapeEnv(value);
  if (IsPlain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += Escaped(c);
  return quoted + '"';
}

class Printer : public Visitor {
 public:
  // `first` goes before the first key, `indent` before the others; both are equally long.
  Printer(std::string first, std::string indent, Secrets secrets, std::string& out)
      : prefix_(std::move(first)), indent_(std::move(indent)), secrets_(secrets), out_(out) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    std::string text;  // of a map
    if (const auto* map = std::get_if<Map>(&shape)) {
      Printer inner(indent_ + "  ", indent_ + "  ", secrets_, text);
      map->fields(inner);
    }
    if (HasNoValue(shape, text)) return;
    out_ += Cat(prefix_, key, ":");
    prefix_ = indent_;
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      out_ += Cat(" ", YamlScalar(Shown(*scalar)), "\n");
    } else if (std::holds_alternative<Map>(shape)) {
      out_ += Cat("\n", text);
    } else {
      WriteList(std::get<List>(shape));
    }
  }

 private:
  // What no text stands for: a field without a default that is not set, a map of nothing else.
  static bool HasNoValue(const Shape& shape, const std::string& text_of_map) {
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      return scalar->clear && scalar->format().empty();
    }
    return std::holds_alternative<Map>(shape) && text_of_map.empty();
  }

  std::string Shown(const Scalar& scalar) const {
    std::string value = scalar.format();
    const bool hides = scalar.is_secret && secrets_ == Secrets::kHide && !value.empty();
    return hides ? std::string(kHidden) : value;
  }

  void WriteList(const List& list) {
    if (list.size() == 0) {
      out_ += " []\n";
      return;
    }
    out_ += "\n";
    for (size_t i = 0; i < list.size(); ++i) {
      const Shape item = list.item(i);
      if (const auto* map = std::get_if<Map>(&item)) {
        Printer inner(indent_ + "  - ", indent_ + "    ", secrets_, out_);
        map->fields(inner);
      } else {  // no list has lists in it
        out_ += Cat(indent_, "  - ", YamlScalar(std::get<Scalar>(item).format()), "\n");
      }
    }
  }

  std::string prefix_;
  const std::string indent_;
  const Secrets secrets_;
  std::string& out_;
};

// The text may be kept anywhere, and the parts of it come from several files.
void MakeAbsolute(Access& access) {
  for (AccessFile& file : access.files) {
    if (!file.place.empty()) file.path = file.place;
  }
}

}  // namespace

std::string Print(const Config& config, Secrets secrets) {
  Config copy = config;  // a Shape could also write
  MakeAbsolute(copy.access);
  MakeAbsolute(copy.defaults.access);
  for (Listener& listener : copy.listeners) MakeAbsolute(listener.access);
  std::string out;
  Printer printer("", "", secrets, out);
  Describe(copy).fields(printer);
  return out;
}

}  // namespace sluice::conf
