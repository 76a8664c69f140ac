// Diff: what is different about two configurations, as a value: it can be printed before anything
// is done, applied, and compared.
//
//   Config a ─┐                         ┌─► Sentences: for people
//             ├─► Compare ──► Diff ─────┤
//   Config b ─┘                         └─► Apply(a, diff) == b
//
// It is made of the schema's keys and knows none by name: a key that is added to the schema is in
// it. Listeners, upstreams and endpoints are the same in both if they have the same name. That of
// an endpoint is its address if it has no other (the second of two with one address in a list is
// another one).
//
//     const Diff diff = Compare(running, next);
//     for (const std::string& line : Sentences(diff)) puts(line.c_str());
//         upstream app: endpoint 10.0.0.3:3000 is added
//         listener web: timeouts.idle is 5m, was 10m
//         runtime.workers is 4, was 2 (only from the next start on)
//
// Checked by: tests/conf/diff_test.cc.
#ifndef SLUICE_CONF_DIFF_H_
#define SLUICE_CONF_DIFF_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace sluice::conf {

// A step on the way to a key: a key of a map, or an item of a list.
struct Step {
  std::string name;
  bool is_item = false;

  auto operator<=>(const Step&) const = default;
};
using Path = std::vector<Step>;

// One key. The value of a list is what its items are called, in order: so an item that is added is
// a change of its list, and one of each of its own keys.
struct Change {
  Path path;
  std::optional<std::vector<std::string>> before = std::nullopt;  // none: there was no such key
  std::optional<std::vector<std::string>> after = std::nullopt;   // none: there is none any more
  bool is_list = false;
  bool is_default = false;  // `after` is what the key has when the file does not name it
  bool is_secret = false;   // no sentence has its values
  // Of a list of files that both have: what they say differs, as in "list says something else (3
  // rules, was 2 rules)". Apply reads no files.
  std::vector<std::string> rewritten = {};

  bool operator==(const Change&) const = default;
};

// In the order of the schema; those of items that are gone come last.
struct Diff {
  std::vector<Change> changes;

  bool empty() const { return changes.empty(); }
  bool operator==(const Diff&) const = default;
};

Diff Compare(const Config& before, const Config& after);

// `diff` is one of `config` to another configuration: which is the result.
Config Apply(const Config& config, const Diff& diff);

// One for each thing that is added, is removed or differs. None: there is no difference.
std::vector<std::string> Sentences(const Diff& diff);

// "limits.buffer_memory". Items of lists are left out.
std::string KeyOf(const Path& path);

// Whether a process that runs keeps its value of this key: what was sized by it at the start cannot
// change. (limits.max_connections is not among them: it may change up to what the start prepared.)
bool KeepsUntilRestart(std::string_view key);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_DIFF_H_
