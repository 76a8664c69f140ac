#include "proxy/ctl/json.h"

#include <nlohmann/json.hpp>

namespace sluice::proxy {
namespace {

constexpr int kMostDepth = 16;

bool Convert(const nlohmann::json& from, int depth, JsonValue& to) {
  if (depth > kMostDepth) return false;
  if (from.is_boolean()) {
    to.kind = JsonValue::Kind::kFlag;
    to.flag = from.get<bool>();
  } else if (from.is_number()) {
    to.kind = JsonValue::Kind::kNumber;
    to.number = from.get<int64_t>();
  } else if (from.is_string()) {
    to.kind = JsonValue::Kind::kText;
    to.text = from.get<std::string>();
  } else if (from.is_array()) {
    to.kind = JsonValue::Kind::kList;
    for (const nlohmann::json& item : from) {
      if (!Convert(item, depth + 1, to.items.emplace_back())) return false;
    }
  } else if (from.is_object()) {
    to.kind = JsonValue::Kind::kObject;
    for (const auto& [key, value] : from.items()) {
      if (!Convert(value, depth + 1, to.fields[key])) return false;
    }
  }
  return true;
}

}  // namespace

const JsonValue& JsonValue::operator[](std::string_view key) const {
  static const JsonValue kNothing;
  const auto found = fields.find(key);
  return found == fields.end() ? kNothing : found->second;
}

std::string JsonValue::Line() const {
  std::string line;
  switch (kind) {
    case Kind::kNull:
    case Kind::kObject:
      return "-";
    case Kind::kFlag:
      return flag ? "yes" : "no";
    case Kind::kNumber:
      return std::to_string(number);
    case Kind::kText:
      return text.empty() ? "-" : text;
    case Kind::kList:
      for (const JsonValue& item : items) line += (line.empty() ? "" : ", ") + item.Line();
      return line.empty() ? "-" : line;
  }
  return line;
}

std::optional<JsonValue> ParseJson(std::string_view text) {
  const nlohmann::json read =
      nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  JsonValue value;
  if (read.is_discarded() || !Convert(read, 0, value)) return std::nullopt;
  return value;
}

}  // namespace sluice::proxy
