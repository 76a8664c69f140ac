// `option httpchk` and `http-check`.

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "conf/haproxy_check_rules.h"
#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = std::vector<std::string>;

constexpr size_t kFirstCode = 100;
constexpr size_t kCodes = 500;

// "200,300-399" as `status` has it; "" if that is too long or none. `is_not`: all but these.
std::string StatusYaml(const std::string& text, bool is_not) {
  std::bitset<kCodes> codes;
  for (const std::string& part : SplitAtCommas(text)) {
    const size_t dash = std::min(part.find('-'), part.size());
    const auto first = ParseDecimal(part.substr(0, dash));
    const auto last = dash == part.size() ? first : ParseDecimal(part.substr(dash + 1));
    if (!first || !last || *first < kFirstCode || *last < *first) return "";
    const auto end = std::min<size_t>(*last - kFirstCode + 1, kCodes);
    for (size_t i = *first - kFirstCode; i < end; ++i) codes.set(i);
  }
  if (is_not) codes.flip();
  constexpr size_t kOfClass = 100;
  constexpr size_t kMost = 16;
  Words items;
  for (size_t i = 0; i < kCodes;) {
    size_t run = i;
    while (run < kCodes && codes[run]) ++run;
    if (i % kOfClass == 0 && run - i >= kOfClass) {
      items.push_back(Cat(i / kOfClass + 1, "xx"));
      i += kOfClass;
    } else {
      if (codes[i]) items.push_back(Cat(i + kFirstCode));
      ++i;
    }
  }
  if (items.empty() || items.size() > kMost) return "";
  std::string list;
  for (const std::string& item : items) list += Cat(list.empty() ? "" : ", ", item);
  return Cat("[", list, "]");
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

class Http {
 public:
  explicit Http(Converted& out) : out_(out) {
    http_.Set("method", "OPTIONS");
    http_.Set("path", YamlQuoted("/"));
  }

  // Returns false if the rule does not map.
  bool Take(const HaproxyLine& rule, ConvertedKeys& target) {
    line_ = rule.number;
    const Words& words = rule.words;
    if (words[0] == "option") return TakeOption(words);
    const std::string& verb = words[1];
    if (verb == "connect") return ++connects_ == 1 && TakeHaproxyCheckConnect(words, target);
    if (verb == "send") return ++sends_ == 1 && TakeSend(words);
    if (verb == "expect") return ++expects_ == 1 && TakeExpect(words);
    if (verb != "comment") out_.Note(line_, NotConverted(words));
    return true;
  }

  const ConvertedKeys& keys() const { return http_; }

 private:
  // "option httpchk GET /live HTTP/1.1\r\nHost:\ app": the version says nothing here.
  bool TakeOption(const Words& words) {
    if (words.size() == 3) http_.Set("path", YamlQuoted(words[2]));
    if (words.size() < 4) return true;
    http_.Set("method", words[2]);
    http_.Set("path", YamlQuoted(words[3]));
    if (words.size() == 4) return true;
    std::string_view rest = words[4];
    bool maps = words.size() == 5;
    for (bool is_version = true; !rest.empty(); is_version = false) {
      const size_t end = std::min(rest.find("\r\n"), rest.size());
      const std::string_view header = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 2, rest.size()));
      const size_t colon = std::min(header.find(':'), header.size());
      std::string_view value = header.substr(std::min(colon + 1, header.size()));
      while (value.starts_with(' ')) value.remove_prefix(1);
      if (!is_version && !header.empty()) {
        maps = TakeHeader(std::string(header.substr(0, colon)), std::string(value)) && maps;
      }
    }
    return maps;
  }

  // A server may answer another way without one that is not known to say nothing of that.
  bool TakeHeader(const std::string& name, const std::string& value) {
    if (Lower(name) == "host") {
      const bool is_host = !value.empty() && std::ranges::all_of(value, [](char c) {
        return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '-' || c == '.' || c == '_';
      });
      if (is_host) http_.Set("host", YamlQuoted(value));
      return is_host;
    }
    constexpr std::string_view kHarmless[] = {"user-agent", "accept", "connection",
                                              "accept-encoding", "accept-language"};
    if (std::ranges::find(kHarmless, Lower(name)) == std::end(kHarmless)) return false;
    out_.Note(line_, Cat("not converted: the header ", Printable(name), " of checks"));
    return true;
  }

  bool TakeSend(const Words& words) {
    bool maps = true;
    for (size_t i = 2; i + 1 < words.size(); i += 2) {
      if (words[i] == "meth") {
        http_.Set("method", words[i + 1]);
      } else if (words[i] == "uri") {
        http_.Set("path", YamlQuoted(words[i + 1]));
      } else if (words[i] == "hdr" && i + 2 < words.size()) {
        maps = TakeHeader(words[i + 1], words[i + 2]) && maps;
        ++i;
      } else if (words[i] != "ver" && words[i] != "comment") {
        return false;
      }
    }
    return maps;
  }

  // "http-check expect comment live ! status 500-599"
  bool TakeExpect(const Words& words) {
    size_t i = 2;
    while (i + 1 < words.size() && (words[i] == "comment" || words[i] == "min-recv")) i += 2;
    std::string match = i < words.size() ? words[i] : "";
    const bool is_not = match.starts_with('!');
    if (is_not) match.erase(0, 1);
    if (is_not && match.empty() && ++i < words.size()) match = words[i];
    if (match != "status" || i + 2 != words.size()) return false;
    const std::string status = StatusYaml(words[i + 1], is_not);
    if (!status.empty()) http_.Set("status", status);
    return !status.empty();
  }

  Converted& out_;
  int line_ = 0;
  ConvertedKeys http_;
  int connects_ = 0;
  int sends_ = 0;
  int expects_ = 0;
};

}  // namespace

HaproxyCheckRules ReadHaproxyHttpCheck(const std::vector<HaproxyLine>& rules, Converted& out) {
  HaproxyCheckRules read;
  Http http(out);
  bool maps = true;
  for (const HaproxyLine& rule : rules) {
    if (http.Take(rule, read.target)) continue;
    NoteHaproxyCheckConnects(rule, out);
    maps = false;
  }
  if (maps) {
    read.check.Set("check", "http");
    read.check.Set("http", http.keys().ToYaml());
  }
  return read;
}

}  // namespace sluice::conf
