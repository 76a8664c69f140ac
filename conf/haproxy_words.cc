#include "conf/haproxy_words.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "conf/text/text.h"

namespace sluice::conf {

namespace {

int HexDigit(char c) {
  if (IsAsciiDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// `text` is what follows a backslash, and not empty. Returns how many bytes of it count.
size_t TakeEscape(std::string_view text, std::string& word) {
  const char c = text[0];
  if (c == 'n' || c == 'r' || c == 't') {
    word += c == 'n' ? '\n' : c == 'r' ? '\r' : '\t';
  } else if (c == 'x' && text.size() > 2 && HexDigit(text[1]) >= 0 && HexDigit(text[2]) >= 0) {
    word += static_cast<char>(HexDigit(text[1]) * 16 + HexDigit(text[2]));
    return 3;
  } else {
    // Of another one the backslash is for what reads the word, such as a regular expression.
    if (std::string_view(" \t#\"'\\$").find(c) == std::string_view::npos) word += '\\';
    word += c;
  }
  return 1;
}

bool IsOfName(char c) { return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '_'; }

// `text` is what follows a dollar: "NAME", "{NAME}", "{NAME-default}". Appends it as the loader has
// it. Returns how many bytes of it count; 0: it is no variable.
size_t TakeVariable(std::string_view text, std::string& word) {
  const bool has_braces = text.starts_with('{');
  if (has_braces) text.remove_prefix(1);
  size_t end = 0;
  while (end < text.size() && IsOfName(text[end])) ++end;
  if (end == 0 || IsAsciiDigit(text[0])) return 0;
  const std::string_view name = text.substr(0, end);
  if (!has_braces) {
    word += Cat("${", name, "}");
    return end;
  }
  const size_t close = text.find('}');
  if (close == text.npos) return 0;
  std::string_view rest = text.substr(end, close - end);
  if (!rest.empty() && rest[0] != '-') return 0;
  if (!rest.empty()) rest.remove_prefix(1);
  word += Cat("${", name, close > end ? ":-" : "", rest, "}");
  return close + 2;
}

// Of "[::1]:80" and "${HOST}:${PORT-80}" where the port begins, with its colon.
size_t PortOf(std::string_view text) {
  size_t depth = 0;
  for (size_t i = text.size(); i-- > 0;) {
    if (text[i] == '}') ++depth;
    if (text[i] == '{' && depth > 0) --depth;
    if (text[i] == ':' && depth == 0) return i;
  }
  return text.npos;
}

// In addresses there are variables without quotes, too.
std::string WithVariables(std::string_view text) {
  std::string whole;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t count = text[i] == '$' ? TakeVariable(text.substr(i + 1), whole) : 0;
    if (count == 0) whole += text[i];
    i += count;
  }
  return whole;
}

bool IsVariable(std::string_view text) { return text.starts_with("${") && text.ends_with('}'); }

}  // namespace

std::vector<std::string> HaproxyWords(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool has_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      i += TakeEscape(line.substr(i + 1), word);
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
      const size_t count = c == '$' && quote == '"' ? TakeVariable(line.substr(i + 1), word) : 0;
      if (count == 0) word += c;
      i += count;
      has_word = true;
    }
  }
  if (has_word) words.push_back(word);
  return words;
}

bool IsOtherHaproxySection(std::string_view word) {
  constexpr std::string_view kOthers[] = {
      "peers",    "resolvers",   "userlist",    "mailers",   "cache",  "program",     "ring",
      "fcgi-app", "http-errors", "log-forward", "crt-store", "traces", "log-profile", "acme"};
  return std::ranges::find(kOthers, word) != std::end(kOthers);
}

bool HaproxyTakesValue(std::string_view option) {
  constexpr std::string_view kWords =
      " alpn ca-file check-alpn check-pool-conn-name check-proto check-sni ciphers ciphersuites "
      "client-sigalgs cookie crl-file crt curves guid hash-key id idle-ping init-addr init-state "
      "interface log-bufsize log-proto max-reuse maxqueue minconn namespace npn observe on-error "
      "on-marked-down on-marked-up pool-conn-name pool-low-conn pool-max-conn pool-purge-delay "
      "proto redir resolve-net resolve-opts resolve-prefer resolvers shard sigalgs sni socks4 "
      "ssl-max-ver ssl-min-ver tcp-md5sig tcp-ut track usesrc verify verifyhost ws ";
  return kWords.find(Cat(" ", option, " ")) != kWords.npos ||
         option.starts_with("set-proxy-v2-tlv-fmt(");
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

std::string HaproxyTime(const std::string& text) {
  return ParseDecimal(text).has_value() ? text + "ms" : text;
}

std::string HaproxyAddress(std::string text) {
  bool is_ipv6 = false;
  for (const std::string_view prefix : {"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"}) {
    if (!text.starts_with(prefix)) continue;
    text = text.substr(prefix.size());
    is_ipv6 = prefix.find('6') != prefix.npos;
    break;
  }
  if (text.starts_with("unix@")) return "unix:" + text.substr(5);
  if (text.starts_with("abns@")) return "unix:@" + text.substr(5);
  if (text.starts_with('/')) return "unix:" + text;
  text = WithVariables(text);
  if (IsVariable(text) && text.find("${", 1) == text.npos) return text;  // with its port
  const size_t colon = PortOf(text);
  if (colon == text.npos || text.find('@') != text.npos) return "";
  const std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon);
  if (!ParseDecimal(port.substr(1)) && !IsVariable(port.substr(1))) return "";
  if (host.empty() || host == "*") return (is_ipv6 ? "[::]" : "0.0.0.0") + port;
  const bool is_bare_ipv6 = host.find(':') != host.npos && host.find_first_of("[$") == host.npos;
  if (is_bare_ipv6) return Cat("[", host, "]", port);
  return text;
}

}  // namespace sluice::conf
