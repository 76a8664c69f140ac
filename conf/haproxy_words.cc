#include "conf/haproxy_words.h"

#include <cstddef>
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
