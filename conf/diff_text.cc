// The sentences of a Diff.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "conf/diff.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr size_t kShown = 100;  // values of a list, or keys of an item that is added

// "listeners" holds listeners.
std::string_view KindOf(std::string_view list) {
  if (list.ends_with('s')) list.remove_suffix(1);
  return list;
}

// "upstream app: endpoint 10.0.0.1:3000: weight", with other separators inside of an added item.
std::string PathText(std::span<const Step> path, std::string_view after_item) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    const bool is_last = i + 1 == path.size();
    if (path[i].is_item) {
      text += Printable(path[i].name);
      if (!is_last) text += after_item;
    } else if (!is_last && path[i + 1].is_item) {
      text += Cat(KindOf(path[i].name), " ");
    } else {
      text += Cat(path[i].name, is_last ? "" : ".");
    }
  }
  return text;
}

std::string ValueOf(const std::vector<std::string>& values) {
  std::string text;
  for (size_t i = 0; i < std::min(values.size(), kShown); ++i) {
    text += Cat(i == 0 ? "" : ", ", values[i].empty() ? "\"\"" : Printable(values[i]));
  }
  if (values.size() > kShown) text += Cat(" and ", values.size() - kShown, " more");
  return values.empty() ? "empty" : text;
}

Path ItemOf(const Path& list, const std::string& name) {
  Path path = list;
  path.push_back({.name = name, .is_item = true});
  return path;
}

bool IsBelow(const Path& path, const Path& item) {
  return path.size() > item.size() && std::equal(item.begin(), item.end(), path.begin());
}

// What is said about an item that is added: all that the file says about it. `next` is where its
// changes are looked for, and then where they end: items are in the order of their list.
std::string Details(const Diff& diff, size_t& next, const Path& item) {
  std::string text;
  size_t count = 0;
  while (next < diff.changes.size() && !IsBelow(diff.changes[next].path, item)) ++next;
  for (; next < diff.changes.size() && IsBelow(diff.changes[next].path, item); ++next) {
    const Change& change = diff.changes[next];
    if (!change.after || change.is_default) continue;
    // Its name, or that of an item in it, which the list has told.
    const Step& owner = change.path[change.path.size() - 2];
    const bool is_name =
        owner.is_item && change.after->size() == 1 && !change.is_list &&
        owner.name.starts_with(change.after->front()) &&
        (change.path.back().name == "name" || change.path.back().name == "address");
    if (is_name || ++count > kShown) continue;
    const std::span<const Step> inner = std::span(change.path).subspan(item.size());
    text += Cat(text.empty() ? "" : "; ", PathText(inner, " "), " ",
                change.is_secret ? std::string(kHidden) : ValueOf(*change.after));
  }
  if (count > kShown) text += Cat(" and ", count - kShown, " more");
  return text.empty() ? "" : Cat(" (", text, ")");
}

class Writer {
 public:
  explicit Writer(const Diff& diff) : diff_(diff) {}

  std::vector<std::string> Write() {
    for (size_t i = 0; i < diff_.changes.size(); ++i) {
      const Change& change = diff_.changes[i];
      // Of an item that is added or removed as a whole: the list has told.
      if (!change.before || !change.after) continue;
      for (const std::string& file : change.rewritten) {
        sentences_.push_back(Cat(PathText(change.path, ": "), ": ", file));
      }
      if (change.before == change.after) continue;
      if (change.is_list) {
        WriteList(change, i);
      } else if (change.is_secret) {
        sentences_.push_back(Cat(PathText(change.path, ": "), " is another one"));
      } else {
        const bool waits = KeepsUntilRestart(KeyOf(change.path));
        sentences_.push_back(Cat(PathText(change.path, ": "), " is ", ValueOf(*change.after),
                                 ", was ", ValueOf(*change.before),
                                 waits ? " (only from the next start on)" : ""));
      }
    }
    return std::move(sentences_);
  }

 private:
  void WriteList(const Change& change, size_t at) {
    const std::unordered_set<std::string_view> old(change.before->begin(), change.before->end());
    const std::unordered_set<std::string_view> now(change.after->begin(), change.after->end());
    std::vector<std::string_view> kept_before;
    std::vector<std::string_view> kept_after;
    size_t next = at + 1;
    for (const std::string& name : *change.after) {
      if (old.contains(name)) {
        kept_after.push_back(name);
        continue;
      }
      const Path item = ItemOf(change.path, name);
      sentences_.push_back(Cat(PathText(item, ": "), " is added", Details(diff_, next, item)));
    }
    for (const std::string& name : *change.before) {
      if (now.contains(name)) {
        kept_before.push_back(name);
      } else {
        sentences_.push_back(Cat(PathText(ItemOf(change.path, name), ": "), " is removed"));
      }
    }
    if (kept_before == kept_after) return;
    sentences_.push_back(Cat(PathText(change.path, ": "), " are in another order"));
  }

  const Diff& diff_;
  std::vector<std::string> sentences_;
};

}  // namespace

std::vector<std::string> Sentences(const Diff& diff) { return Writer(diff).Write(); }

}  // namespace sluice::conf
