#include "conf/haproxy_access.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = HaproxyAccess::Words;

bool IsNetwork(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789abcdefABCDEF.:/") == std::string_view::npos;
}

// "src", "10.0.0.0/8", "192.0.2.1"; nothing else behind it, such as a file.
bool IsBySource(const Words& fetch) {
  return fetch.size() > 1 && fetch[0] == "src" &&
         std::all_of(fetch.begin() + 1, fetch.end(), IsNetwork);
}

// Counts and rates, and clients that have sent nothing: what such a rule rejects is not a matter of
// who the client is.
bool IsLimit(const Words& fetch) {
  constexpr std::string_view kLimits[] = {"src_conn",    "src_sess",    "src_bytes", "src_kbytes",
                                          "src_get_gpc", "src_inc_gpc", "src_updt",  "src_http_",
                                          "sc0_",        "sc1_",        "sc2_",      "sc_",
                                          "fe_",         "be_",         "req_len",   "req.len"};
  if (fetch.empty()) return false;
  const bool is_looked_up = fetch[0].find(",table_") != std::string::npos;
  return is_looked_up || std::ranges::any_of(kLimits, [&](std::string_view each) {
           return fetch[0].starts_with(each);
         });
}

bool IsOr(const std::string& word) { return word == "or" || word == "||"; }

bool Accepts(const HaproxyLine& rule) { return rule.words[2] == "accept"; }

}  // namespace

// Of two lines with one name either may hold.
bool HaproxyAccess::TakeAcl(const Words& words) {
  if (words.size() < 3) return false;
  const Words fetch(words.begin() + 2, words.end());
  const auto [known, is_new] = acls_.try_emplace(words[1], fetch);
  Words& old = known->second;
  if (is_new) return IsBySource(fetch) || IsLimit(fetch);
  if (IsBySource(old) && IsBySource(fetch)) {
    old.insert(old.end(), fetch.begin() + 1, fetch.end());
    return true;
  }
  if (!IsLimit(old) || !IsLimit(fetch)) old.clear();
  return IsLimit(old);
}

bool HaproxyAccess::TakeRule(const HaproxyLine& line) {
  const Words& words = line.words;
  if (words.size() < 3) return false;
  if (words[1] != "connection" && words[1] != "session" && words[1] != "content") return false;
  if (words[2] != "accept" && words[2] != "reject" && words[2] != "silent-drop") return false;
  rules_.push_back(line);
  return true;
}

// "!office { src 10.0.0.0/8 }"
std::optional<HaproxyAccess::Group> HaproxyAccess::ReadGroup(Span words) const {
  Group group;
  while (!words.empty()) {
    Term term;
    std::string_view word = words[0];
    if (word.starts_with('!')) {
      term.is_not = true;
      word.remove_prefix(1);
      if (word.empty()) words = words.subspan(1);
      if (words.empty()) return std::nullopt;
      if (word.empty()) word = words[0];
    }
    size_t count = 1;
    if (word == "{") {
      const auto end = std::ranges::find(words, "}");
      if (end == words.end()) return std::nullopt;
      count = static_cast<size_t>(end - words.begin()) + 1;
      term.fetch.assign(words.begin() + 1, end);
    } else if (const auto acl = acls_.find(word); acl != acls_.end()) {
      term.fetch = acl->second;
    }
    group.push_back(term);
    words = words.subspan(count);
  }
  return group;
}

// "if a or b", "unless a", "if !a !b"; what comes of it has networks, or is a limit.
std::optional<HaproxyAccess::Condition> HaproxyAccess::ReadCondition(Span words) const {
  if (words.empty()) return Condition{.is_always = true};
  if (words[0] != "if" && words[0] != "unless") return std::nullopt;
  const bool is_unless = words[0] == "unless";
  std::vector<Group> groups;
  for (words = words.subspan(1);;) {
    const auto end = std::ranges::find_if(words, IsOr);
    const auto count = static_cast<size_t>(end - words.begin());
    const std::optional<Group> group = ReadGroup(words.first(count));
    if (!group || group->empty()) return std::nullopt;
    groups.push_back(*group);
    if (end == words.end()) break;
    words = words.subspan(count + 1);
  }
  const auto is_limit = [&](const Group& group) {
    const auto is_one = [](const Term& term) { return IsLimit(term.fetch); };
    return is_unless ? std::ranges::all_of(group, is_one) : std::ranges::any_of(group, is_one);
  };
  if (std::ranges::all_of(groups, is_limit)) return Condition{.is_limit = true};
  // "!a !b": in none of them. "a or b": in one of them.
  const bool is_not = groups[0][0].is_not;
  if (is_not && groups.size() > 1) return std::nullopt;
  Condition condition{.is_not = is_not != is_unless};
  for (const Group& group : groups) {
    if (!is_not && group.size() > 1) return std::nullopt;
    for (const Term& term : group) {
      if (term.is_not != is_not || !IsBySource(term.fetch)) return std::nullopt;
      condition.networks.insert(condition.networks.end(), term.fetch.begin() + 1, term.fetch.end());
    }
  }
  return condition;
}

HaproxyAccess::Lists HaproxyAccess::ReadRules(std::string_view set, Converted& out) const {
  Lists lists;
  Words accepted;
  bool accepts_others = false;  // by something else than their networks
  for (const HaproxyLine& rule : rules_) {
    if (rule.words[1] != set) continue;
    const std::optional<Condition> condition = ReadCondition(Span(rule.words).subspan(3));
    const bool is_by_networks = condition && !condition->is_always && !condition->is_limit;
    const Words networks = is_by_networks ? condition->networks : Words();
    if (Accepts(rule)) {
      if (condition && condition->is_always) break;
      accepts_others = accepts_others || !is_by_networks || condition->is_not;
      accepted.insert(accepted.end(), networks.begin(), networks.end());
      continue;
    }
    if (condition && condition->is_limit) {
      out.Note(rule.number, NotConverted(rule.words));
      continue;
    }
    const bool is_first = accepted.empty() && !accepts_others && lists.allow.empty();
    if (condition && condition->is_always && !accepted.empty() && !accepts_others &&
        lists.allow.empty() && lists.deny.empty()) {
      lists.allow = accepted;
      break;
    }
    if (is_by_networks && is_first && condition->is_not && lists.deny.empty()) {
      lists.allow = networks;
    } else if (is_by_networks && is_first && !condition->is_not) {
      lists.deny.insert(lists.deny.end(), networks.begin(), networks.end());
    } else {
      out.Note(rule.number, Cat("without this rule clients would get in that it rejects: ",
                                JoinedWords(rule.words)));
      return {.maps = false};
    }
  }
  return lists;
}

bool HaproxyAccess::Merge(const Lists& lists, ConvertedListener& listener) {
  const bool has_both = !lists.allow.empty() && !listener.allow.empty();
  const bool is_mixed = (!lists.allow.empty() && !listener.deny.empty()) ||
                        (!lists.deny.empty() && !listener.allow.empty());
  if (!lists.maps || has_both || is_mixed) return false;
  listener.allow.insert(listener.allow.end(), lists.allow.begin(), lists.allow.end());
  listener.deny.insert(listener.deny.end(), lists.deny.begin(), lists.deny.end());
  return true;
}

bool HaproxyAccess::SetOn(ConvertedListener& listener, Converted& out) const {
  return Merge(ReadRules("connection", out), listener) &&
         Merge(ReadRules("session", out), listener) && Merge(ReadRules("content", out), listener);
}

bool HaproxyAccess::SetOnProxied(ConvertedListener& listener, Converted& out) const {
  const Lists balancers = ReadRules("connection", out);
  const bool has_plain_clients =
      listener.keys.Get("proxy_protocol").find("accept: optional") != std::string::npos;
  if (!balancers.maps || !balancers.deny.empty()) return false;
  if (!balancers.allow.empty() && has_plain_clients) return false;
  if (!balancers.allow.empty()) listener.SetProxyProtocol("required", balancers.allow);
  return Merge(ReadRules("session", out), listener) && Merge(ReadRules("content", out), listener);
}

bool HaproxyAccess::RejectsSome() const {
  return std::ranges::any_of(rules_, [this](const HaproxyLine& rule) {
    if (Accepts(rule)) return false;
    const std::optional<Condition> condition = ReadCondition(Span(rule.words).subspan(3));
    return !condition || !condition->is_limit;
  });
}

}  // namespace sluice::conf
