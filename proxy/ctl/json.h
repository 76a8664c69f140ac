// JsonValue: JSON that has been read, as far as tables need it.
#ifndef SLUICE_PROXY_CTL_JSON_H_
#define SLUICE_PROXY_CTL_JSON_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

struct JsonValue {
  enum class Kind { kNull, kFlag, kNumber, kText, kList, kObject };

  Kind kind = Kind::kNull;
  bool flag = false;
  int64_t number = 0;
  std::string text;
  std::vector<JsonValue> items;
  std::map<std::string, JsonValue, std::less<>> fields;

  // Null for what is not there.
  const JsonValue& operator[](std::string_view key) const;
  // A scalar in a line: "-" for null, items of a list with commas between them.
  std::string Line() const;
};

// None: it is no JSON, or nested too deeply.
std::optional<JsonValue> ParseJson(std::string_view text);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_JSON_H_
