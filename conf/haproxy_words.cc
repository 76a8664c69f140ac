#include "conf/haproxy_words.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "conf/text/text.h"

namespace sluice::conf {

std::vector<std::string> HaproxyWords(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool has_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      const char next = line[++i];
      const bool is_escape = std::string_view(" \t#\"'\\").find(next) == std::string_view::npos;
      if (is_escape) word += c;  // of what reads the word: "\r\n"
      word += next;
      has_word = true;
    } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote != 0 ? 0 : c;
      has_word = true;
    } else if (quote == 0 && c == '#') {
      break;
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\r')) {
      if (has_word) words.push_back(std::move(word));
      word.clear();
      has_word = false;
    } else {
      word += c;
      has_word = true;
    }
  }
  if (has_word) words.push_back(word);
  return words;
}

bool IsOtherHaproxySection(std::string_view word) {
  constexpr std::string_view kOthers[] = {"peers",       "resolvers",  "userlist", "mailers",
                                          "cache",       "program",    "ring",     "fcgi-app",
                                          "http-errors", "log-forward"};
  return std::ranges::find(kOthers, word) != std::end(kOthers);
}

bool HaproxyTakesValue(std::string_view option) {
  constexpr std::string_view kWords[] = {"addr",      "agent-inter",    "agent-port",
                                         "alpn",      "ca-file",        "cookie",
                                         "crt",       "error-limit",    "id",
                                         "init-addr", "minconn",        "observe",
                                         "on-error",  "on-marked-up",   "resolvers",
                                         "sni",       "track",          "verify",
                                         "check-sni", "on-marked-down", "resolve-prefer",
                                         "maxqueue"};
  return std::ranges::find(kWords, option) != std::end(kWords);
}

std::string HaproxyTlv(std::string_view option) {
  if (option == "unique-id") return "unique_id";
  return option == "crc32c" || option == "authority" ? std::string(option) : "";
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::string HaproxyAddress(std::string text) {
  for (const std::string_view prefix : {"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"}) {
    if (text.starts_with(prefix)) text = text.substr(prefix.size());
  }
  if (text.starts_with("unix@")) return "unix:" + text.substr(5);
  if (text.starts_with("abns@")) return "unix:@" + text.substr(5);
  if (text.starts_with('/')) return "unix:" + text;
  const size_t colon = text.rfind(':');
  if (colon == text.npos || !ParseDecimal(text.substr(colon + 1))) return "";
  const std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon);
  if (host.empty() || host == "*") return "0.0.0.0" + port;
  if (host.find(':') != host.npos && !host.starts_with('[')) return Cat("[", host, "]", port);
  return text;
}

}  // namespace sluice::conf
