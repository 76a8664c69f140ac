#include "proxy/ctl/options.h"

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"
#include "conf/text/units.h"
#include "proxy/admin/token_file.h"
#include "proxy/ctl/watch.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kShortestInterval = 100ms;
constexpr core::Duration kLongestInterval = 24h;

// Options that need a value; `value` is the next word where it is not joined to the name. Returns
// what is wrong, "": nothing.
std::string ReadValue(std::string_view name, const std::string& value, CtlSettings& options) {
  if (value.empty()) return absl::StrCat(std::string(name), " needs a value");
  if (name != "--token-file") {
    (name == "--admin" ? options.admin : options.config) = value;
    return "";
  }
  const absl::StatusOr<std::string> token = ReadToken(std::string(name), value);
  if (!token.ok()) return std::string(token.status().message());
  options.token = *token;
  return "";
}

std::string ReadWatch(std::string_view word, CtlSettings& options) {
  options.watch = kWatchInterval;
  const size_t equals = word.find('=');
  if (equals == word.npos) return "";
  const absl::StatusOr<core::Duration> time = conf::ParseDuration(word.substr(equals + 1));
  if (!time.ok() || *time < kShortestInterval || *time > kLongestInterval) {
    return "--watch takes a time from 100ms to 1d, such as --watch=5s";
  }
  options.watch = *time;
  return "";
}

}  // namespace

std::string ReadCtlOptions(const std::vector<std::string>& words, CtlSettings& options) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    std::string wrong;
    if (!words[i].starts_with('-')) {
      options.words.push_back(words[i]);
    } else if (words[i] == "--json") {
      options.json = true;
    } else if (words[i] == "--follow" || words[i] == "-f") {
      options.follow = true;
    } else if (words[i] == "--help" || words[i] == "-h") {
      options.help = true;
    } else if (name == "--watch") {
      wrong = ReadWatch(words[i], options);
    } else if (name == "--admin" || name == "--config" || name == "--token-file") {
      const bool is_joined = name.size() < words[i].size();
      if (!is_joined && i + 1 == words.size()) return absl::StrCat(name, " needs a value");
      const std::string value = is_joined ? words[i].substr(name.size() + 1) : words[++i];
      wrong = ReadValue(name, value, options);
    } else {
      return absl::StrCat("unknown option ", conf::Printable(words[i]));
    }
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace sluice::proxy
