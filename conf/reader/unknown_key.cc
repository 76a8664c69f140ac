#include "conf/reader/unknown_key.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "conf/reader/secrets.h"
#include "conf/reader/vocabulary.h"
#include "conf/schema/keys.h"
#include "conf/text/characters.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

const std::vector<std::string>& AllPaths() {
  static const std::vector<std::string> paths = KnownKeys();
  return paths;
}

bool EndsWithKey(std::string_view path, std::string_view key) {
  return path.ends_with(key) &&
         (path.size() == key.size() || path[path.size() - key.size() - 1] == '.');
}

// "listeners[0]" → "listeners[]."
std::string AnyIndex(std::string_view path) {
  std::string any;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '[') {
      any += "[]";
      i = std::min(path.find(']', i), path.size());
    } else {
      any += path[i];
    }
  }
  return any.empty() ? any : any + ".";
}

// How the key at the end of some path is reached from the mapping at `here`: by what is left of a
// path below `here`, else by whole paths. Empty if no path ends so.
std::vector<std::string> WaysTo(std::string_view key, const std::string& here) {
  std::vector<std::string> below;
  std::vector<std::string> ways;
  for (const std::string& path : AllPaths()) {
    if (!EndsWithKey(path, key)) continue;
    ways.push_back(path);
    const bool is_below = path.starts_with(here) && path.find("[]", here.size()) == path.npos;
    if (is_below && !here.empty()) below.push_back(path.substr(here.size()));
  }
  std::ranges::sort(ways, {}, [](const std::string& way) {
    return std::pair(std::ranges::count(way, '.'), way);
  });
  return below.empty() ? ways : below;
}

// Of those below `here`: by what is one level deeper. A listener or an upstream has too much below
// it for that to be meant.
std::vector<std::string> NestedWays(std::string_view key, const std::string& here) {
  std::vector<std::string> nested;
  if (here.empty() || here.ends_with("[].")) return nested;
  for (const std::string& path : AllPaths()) {
    if (!path.starts_with(here) || !EndsWithKey(path, key)) continue;
    const std::string way = path.substr(here.size());
    if (std::ranges::count(way, '.') == 1 && way.find("[]") == way.npos) nested.push_back(way);
  }
  return nested;
}

std::string JoinWays(const std::vector<std::string>& ways) {
  constexpr size_t kMost = 3;
  std::string joined;
  for (size_t i = 0; i < std::min(ways.size(), kMost); ++i) {
    joined += Cat(i == 0                                   ? ""
                  : i + 1 == ways.size() || i + 1 == kMost ? " or "
                                                           : ", ",
                  Quoted(ways[i]));
  }
  return joined;
}

bool Has(const std::vector<std::string>& known, std::string_view key) {
  return std::ranges::find(known, key) != known.end();
}

// The names that another proxy's key may have here, likely ones first.
std::vector<std::string_view> OursOf(const Foreign& foreign) {
  std::vector<std::string_view> ours;
  for (std::string_view rest = foreign.key; !rest.empty();) {
    ours.push_back(rest.substr(0, rest.find('|')));
    rest.remove_prefix(std::min(ours.back().size() + 1, rest.size()));
  }
  return ours;
}

// What another proxy calls so, or "". What there is in this very mapping comes first.
std::string ForeignAnswer(std::string_view key, const std::string& here,
                          const std::vector<std::string>& known) {
  const std::vector<const Foreign*> all = FindAllForeign(key);
  for (const Foreign* foreign : all) {
    for (const std::string_view ours : OursOf(*foreign)) {
      const std::string_view last = ours.substr(ours.rfind('.') + 1);
      if (Has(known, last)) return Cat("; it is called ", Quoted(last), " here");
    }
  }
  if (all.empty()) return "";
  if (all[0]->key.empty()) return Cat("; ", all[0]->answer);
  const std::vector<std::string> ways = WaysTo(OursOf(*all[0]).back(), here);
  return ways.empty() ? "" : Cat("; it is called ", JoinWays(ways), " here");
}

}  // namespace

std::string DescribeUnknownKey(std::string_view key, std::string_view path,
                               const std::vector<std::string>& known, Errors& errors) {
  if (NamesSecret(key) && key.find_first_of(" :=\"'{[") != key.npos) {
    return "unknown key: \": \" is needed between the name of a key and its value";
  }
  const std::string what = Cat("unknown key ", Quoted(key));
  if (errors.many()) return what;
  if (const std::optional<Lookalike> odd = FindLookalike(key)) {
    const std::string clean = WithoutLookalikes(key);
    return Cat(what, ": its character ", odd->character, " is ", odd->what,
               Has(known, clean) ? WithSuggestion("", clean) : "");
  }
  if (key.starts_with('-') && Has(known, key.substr(1))) {
    return WithSuggestion(Cat(what, ": a blank is missing after the \"-\""),
                          Cat("- ", key.substr(1)));
  }
  const std::string snake = SnakeCase(key);
  if (Has(known, snake)) return WithSuggestion(what, snake);
  // One for many, or many for one: that is what was meant, also where the word is a key elsewhere.
  if (Has(known, snake + "s")) return WithSuggestion(what, snake + "s");
  if (snake.ends_with('s') && Has(known, snake.substr(0, snake.size() - 1))) {
    return WithSuggestion(what, snake.substr(0, snake.size() - 1));
  }
  const std::string here = AnyIndex(path);
  const auto belongs = [&what](const std::vector<std::string>& ways) {
    return Cat(what, " in this place; it belongs to ", JoinWays(ways));
  };
  const std::vector<std::string> nested = NestedWays(snake, here);
  if (!nested.empty()) return belongs(nested);
  const std::string foreign = ForeignAnswer(key, here, known);
  if (!foreign.empty()) return Cat(what, foreign);
  const std::vector<std::string> ways = WaysTo(snake, here);
  if (!ways.empty()) return belongs(ways);
  const std::string likely = errors.DidYouMean(key, known);
  if (!likely.empty()) return Cat(what, likely);
  return WithAllowed(what, JoinNames(known));
}

bool IsKeySomewhere(std::string_view name) {
  static const std::set<std::string, std::less<>> names = [] {
    std::set<std::string, std::less<>> last;
    for (const std::string& path : AllPaths()) last.insert(path.substr(path.rfind('.') + 1));
    return last;
  }();
  return names.contains(name);
}

}  // namespace sluice::conf
