// Lists of endpoints: taken or not as a second reading of the rules says, which parses the whole
// text first; and every error has a place in the text.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conf/endpoint_list.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

enum Mistake : size_t { kNone, kBlankIsEmpty, kNoPlace, kLosesLast, kTakesAllWeights };

using Json = nlohmann::json;

bool HasOnlyOnce(std::string_view text) {
  // A key that is there twice is lost in a tree: the parser is asked for each.
  bool once = true;
  std::vector<std::set<std::string>> keys;
  const auto look = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::key && !keys.empty()) {
      once = once && keys.back().insert(value.get<std::string>()).second;
    }
    if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    return true;
  };
  (void)Json::parse(text, look, /*allow_exceptions=*/false);
  return once;
}

bool IsCount(const Json& value, int64_t most) {
  return value.is_number_integer() && value >= 0 && value <= most;
}

bool IsName(const std::string& text) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.empty()) return true;
  return text.size() <= 63 && is_alnum(text[0]) && std::ranges::all_of(text, [&](char c) {
           return is_alnum(c) || c == '_' || c == '-' || c == '.';
         });
}

bool IsEndpoint(const Json& each) {
  if (!each.is_object() || !each.contains("address") || !each["address"].is_string()) return false;
  const auto address = core::Address::Parse(each["address"].get<std::string>());
  if (!address.ok() || (address->is_ip() && address->port() == 0)) return false;
  for (const auto& [key, value] : each.items()) {
    const bool fits =
        key == "address" ||
        (key == "name" && value.is_string() && IsName(value.get<std::string>())) ||
        (key == "weight" && IsCount(value, 256)) || (key == "priority" && IsCount(value, 255)) ||
        (key == "max_connections" && IsCount(value, 10'000'000)) ||
        (key == "state" && (value == "ready" || value == "drain" || value == "maintenance"));
    if (!fits) return false;
  }
  return true;
}

// The addresses; none: it is no list.
std::optional<std::vector<std::string>> Reference(std::string_view text) {
  const Json tree = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_array() || !HasOnlyOnce(text)) return std::nullopt;
  std::vector<std::string> addresses;
  std::set<std::string> names;
  for (const Json& each : tree) {
    if (!IsEndpoint(each)) return std::nullopt;
    const std::string name = each.value("name", "");
    if (!name.empty() && !names.insert(name).second) return std::nullopt;
    addresses.push_back(core::Address::Parse(each["address"].get<std::string>())->ToString());
  }
  return addresses;
}

void Check(std::string_view text, size_t mistake) {
  std::string changed(text);
  if (mistake == kTakesAllWeights) {
    if (const size_t at = changed.find("257"); at != changed.npos) changed[at + 2] = '0';
  }
  conf::EndpointList list = conf::ReadEndpointList(changed, "f");
  if (mistake == kBlankIsEmpty) list.is_blank = false;
  if (mistake == kNoPlace && !list.errors.empty()) list.errors[0].at.line = 1'000'000;
  if (mistake == kLosesLast && list.endpoints.size() > 1) list.endpoints.pop_back();
  const std::string detail(text);
  std::string_view body = text;
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  const bool is_blank = body.find_first_not_of(" \t\r\n") == body.npos;
  Expect(list.is_blank == is_blank, "blank is no list", detail);
  if (is_blank) return;
  const auto addresses = Reference(body);
  Expect(list.ok() == addresses.has_value(), "taken or not", detail);
  if (list.ok()) {
    std::vector<std::string> taken;
    for (const conf::Endpoint& each : list.endpoints) taken.push_back(each.address.ToString());
    Expect(taken == *addresses, "the endpoints", detail);
  }
  const auto lines = std::ranges::count(text, '\n') + 1;
  for (const conf::Error& error : list.errors) {
    Expect(error.at.line >= 1 && error.at.line <= lines && error.at.column >= 1, "a place", detail);
    Expect(!error.message.empty(), "a message", detail);
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "endpoint_list",
      .run = Check,
      .mistakes = {"a blank text is an empty list", "an error has a place that is not there",
                   "the last endpoint is lost", "a weight that is too large is taken"},
      .words = {"[",
                "]",
                "{",
                "}",
                ",",
                ":",
                "\"",
                "\n",
                " ",
                "[{",
                "}]",
                "},{",
                "\"address\":",
                "\"10.0.0.1:80\"",
                "\"unix:/x\"",
                "\"name\":\"a\"",
                "\"weight\":1",
                "\"weight\":257",
                "\"state\":\"drain\"",
                "\"priority\":255",
                "\"max_connections\":0",
                "null",
                "true",
                "1e2",
                "-1",
                "1.5",
                "{\"address\":\"10.0.0.2:80\"}",
                "\\u0061",
                "\xEF\xBB\xBF"},
      .random_inputs = 20000,
      .max_size = 400};
  return target;
}

}  // namespace sluice::fuzz
