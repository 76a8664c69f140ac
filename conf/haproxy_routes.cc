#include "conf/haproxy_routes.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "conf/haproxy_words.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

bool IsHostName(std::string_view text) {
  return !text.empty() && text[0] != '.' && std::ranges::all_of(text, [](char c) {
    return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

// "req.ssl_sni -i -m end .example.org", without braces.
std::optional<HaproxyRoutes::Term> HaproxyRoutes::ReadTerm(Span words) {
  if (words.empty()) return std::nullopt;
  std::string fetch = words[0];
  if (fetch.ends_with(",lower")) fetch.resize(fetch.size() - 6);
  if (fetch == "req_ssl_hello_type" || fetch == "req.ssl_hello_type") {
    if (words.size() != 2 || words[1] != "1") return std::nullopt;
    return Term{"protocol", {"tls"}};
  }
  if (fetch != "req_ssl_sni" && fetch != "req.ssl_sni") return std::nullopt;
  size_t i = 1;
  bool is_end = false;
  for (; i < words.size() && words[i].starts_with('-'); ++i) {
    if (words[i] == "-m" && i + 1 < words.size() &&
        (words[i + 1] == "end" || words[i + 1] == "str")) {
      is_end = words[++i] == "end";
    } else if (words[i] != "-i") {
      return std::nullopt;
    }
  }
  Term term{"sni", {}};
  for (; i < words.size(); ++i) {
    std::string_view name = words[i];
    if (is_end && !name.starts_with('.')) return std::nullopt;
    if (is_end) name.remove_prefix(1);
    if (!IsHostName(name)) return std::nullopt;
    term.values.push_back(Cat(is_end ? "*." : "", name));
  }
  if (term.values.empty()) return std::nullopt;
  return term;
}

// "{ req_ssl_sni a } is_tls": all of them hold.
std::optional<ConvertedKeys> HaproxyRoutes::ReadCondition(Span words) const {
  ConvertedKeys keys;
  while (!words.empty()) {
    std::optional<Term> term;
    size_t count = 1;
    if (words[0] == "{") {
      const auto end = std::ranges::find(words, "}");
      if (end == words.end()) return std::nullopt;
      count = static_cast<size_t>(end - words.begin()) + 1;
      term = ReadTerm(words.subspan(1, count - 2));
    } else if (const auto acl = acls_.find(words[0]); acl != acls_.end()) {
      term = acl->second;
    }
    if (!term || !keys.Get(term->key).empty()) return std::nullopt;
    keys.Set(term->key, term->key == "sni" ? YamlList(term->values) : term->values[0]);
    words = words.subspan(count);
  }
  if (keys.empty()) return std::nullopt;
  return keys;
}

bool HaproxyRoutes::IsTls(Span words) const {
  const std::optional<ConvertedKeys> keys = ReadCondition(words);
  return keys && keys->Get("sni").empty() && keys->Get("protocol") == "tls";
}

// Of two lines with one name either may hold.
bool HaproxyRoutes::TakeAcl(const Words& words) {
  if (words.size() < 3) return false;
  const std::optional<Term> term = ReadTerm(Span(words).subspan(2));
  const auto [known, is_new] = acls_.try_emplace(words[1], term);
  if (is_new) return term.has_value();
  std::optional<Term>& old = known->second;
  if (old && term && old->key == "sni" && term->key == "sni") {
    old->values.insert(old->values.end(), term->values.begin(), term->values.end());
    return true;
  }
  old = std::nullopt;
  return false;
}

// Lines behind one without a condition are not reached.
bool HaproxyRoutes::TakeUseBackend(int line, const Words& words) {
  if (!otherwise_.empty()) return true;
  if (words.size() == 2 && words[1].find('%') == std::string::npos) {
    otherwise_ = ConvertedName(words[1]);
    return true;
  }
  if (words.size() < 4 || words[2] != "if" || words[1].find('%') != std::string::npos) return false;
  const std::optional<ConvertedKeys> keys = ReadCondition(Span(words).subspan(3));
  if (!keys) return false;
  routes_.push_back({.line = line, .keys = *keys, .upstream = ConvertedName(words[1])});
  return true;
}

bool HaproxyRoutes::TakeTcpRequest(const Words& words) {
  const Span span(words);
  if (words.size() == 3 && words[1] == "inspect-delay") {
    delay_ = HaproxyTime(words[2]);
    has_rules_ = true;
    return true;
  }
  if (words.size() < 3 || words[1] != "content") return false;
  if (words[2] == "accept" && words.size() > 4 && words[3] == "if" && IsTls(span.subspan(4))) {
    accepts_tls_ = true;
    has_rules_ = true;
    return true;
  }
  if (words[2] != "reject") return false;
  Words condition = {words.begin() + 3, words.end()};
  if (condition.empty() && accepts_tls_) return rejects_others_ = true;
  if (condition.size() < 2 || condition[0] != "if" || !condition[1].starts_with('!')) return false;
  condition[1].erase(0, 1);  // "!{" or "! {"
  const size_t skipped = condition[1].empty() ? 2 : 1;
  if (!IsTls(Span(condition).subspan(skipped))) return false;
  return rejects_others_ = true;
}

bool HaproxyRoutes::SetOn(ConvertedListener& listener) const {
  if (!otherwise_.empty()) listener.upstream = otherwise_;
  if (routes_.empty() && !rejects_others_) return !has_rules_;
  listener.routes = routes_;
  if (routes_.empty()) {
    // For the listener to look at what clients say, to reject those that do not speak TLS.
    ConvertedRoute tls{.line = listener.line, .upstream = listener.upstream};
    tls.keys.Set("protocol", "tls");
    listener.routes.push_back(tls);
  }
  ConvertedKeys preread;
  if (!delay_.empty()) preread.Set("timeout", delay_);
  if (rejects_others_) {
    preread.Set("on_timeout", "reject");
    preread.Set("not_tls", "reject");
  }
  if (!preread.empty()) listener.keys.Set("preread", preread.ToYaml());
  return true;
}

}  // namespace sluice::conf
