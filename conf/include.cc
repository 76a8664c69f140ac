#include "conf/include.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "conf/reader/unknown_key.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

bool IsKey(const Node::Entry& entry, std::string_view key) {
  return entry.key->kind == Node::Kind::kText && entry.key->text == key;
}

bool IsKeyOfRoot(const std::string& key) {
  static const std::vector<std::string> keys = [] {
    Config scratch;
    return KeysOf(Describe(scratch));
  }();
  return std::ranges::find(keys, key) != keys.end();
}

bool HasWildcard(std::string_view pattern) {
  return pattern.find_first_of("*?[") != std::string_view::npos;
}

// By whatever name a file is included, it is one. `path` itself if there is none.
std::string Identity(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real == nullptr ? path : std::string(real.get());
}

}  // namespace

Node Includes::Resolve(const Node& root, const std::string& path) {
  if (root.kind != Node::Kind::kMap) return root;  // an error of its own
  Lists lists;
  open_.push_back(Identity(path));
  IncludeAll(root, path, lists);
  open_.pop_back();
  Node all;
  all.kind = root.kind;
  all.at = root.at;
  const auto take = [&](std::string_view key, std::vector<const Node*>& items) {
    if (items.empty()) return;
    const auto own = std::ranges::find_if(
        all.entries, [key](const Node::Entry& entry) { return IsKey(entry, key); });
    if (own == all.entries.end()) {
      Node name;
      name.kind = Node::Kind::kText;
      name.at = items.front()->at;
      name.text = key;
      Node list;
      list.kind = Node::Kind::kList;
      list.at = name.at;
      list.items = items;
      all.entries.push_back({.key = &Add(std::move(name)), .value = &Add(std::move(list))});
    } else if (own->value->kind == Node::Kind::kList) {
      Node list = *own->value;
      list.items.insert(list.items.end(), items.begin(), items.end());
      own->value = &Add(std::move(list));
    }
  };
  for (const Node::Entry& entry : root.entries) {
    if (!IsKey(entry, "include")) all.entries.push_back(entry);
  }
  take("listeners", lists.listeners);
  take("upstreams", lists.upstreams);
  return all;
}

void Includes::IncludeAll(const Node& root, const std::string& path, Lists& lists) {
  std::map<std::string, Position> seen;
  for (const Node::Entry& entry : root.entries) {
    if (!IsKey(entry, "include") || !IsFirst(*entry.key, seen)) continue;
    const Node& value = *entry.value;
    if (value.kind == Node::Kind::kText) {
      IncludePattern(value, path, lists);
      continue;
    }
    const bool are_texts =
        value.kind == Node::Kind::kList && std::ranges::all_of(value.items, [](const Node* item) {
          return item->kind == Node::Kind::kText;
        });
    if (!are_texts) {
      errors_.Add(value.at,
                  "include: a file or a list of files is needed; allowed: paths, with *, "
                  "? and [...], such as conf.d/*.yaml");
      continue;
    }
    for (const Node* item : value.items) IncludePattern(*item, path, lists);
  }
}

void Includes::IncludePattern(const Node& pattern, const std::string& path, Lists& lists) {
  const absl::StatusOr<std::string> name = ExpandEnv(pattern.text, env_);
  if (!name.ok()) return errors_.Add(pattern.at, Cat("include: ", Message(name.status())));
  if (name->empty()) return errors_.Add(pattern.at, "include: the path of a file is needed");
  const std::string relative = RelativeTo(path, *name);
  if (!HasWildcard(relative)) return IncludeFile(pattern, relative, lists);
  const std::vector<std::string> files = FilesOf(relative);
  sources_.push_back({.path = relative, .is_pattern = true, .digest = DigestOf(files)});
  for (const std::string& file : files) IncludeFile(pattern, file, lists);
}

void Includes::IncludeFile(const Node& pattern, const std::string& path, Lists& lists) {
  const std::string identity = Identity(path);
  if (std::ranges::find(open_, identity) != open_.end()) {
    return errors_.Add(pattern.at,
                       Cat("include: ", "\"", Printable(path), "\"",
                           open_.back() == identity ? " is this file itself"
                                                    : " includes this file: that would never end"));
  }
  if (files_ == kMaxFiles) {
    ++files_;
    return errors_.Add(pattern.at,
                       Cat("include: there are more files than the limit of ", kMaxFiles));
  }
  if (files_ > kMaxFiles) return;
  ++files_;
  const Node* const root = parse_(path, errors_.AddFile(path), pattern.at);
  if (root == nullptr) return;
  if (root->kind != Node::Kind::kMap) {
    return errors_.Add(root->at, "a mapping is needed; allowed: listeners, upstreams, include");
  }
  Collect(*root, lists);
  open_.push_back(identity);
  IncludeAll(*root, path, lists);
  open_.pop_back();
}

bool Includes::IsFirst(const Node& key, std::map<std::string, Position>& seen) {
  const auto [first, is_new] = seen.emplace(key.text, key.at);
  if (is_new) return true;
  errors_.Add(key.at,
              Cat("the key ", Quoted(key.text), " is here for the second time; the first is at ",
                  FormatPosition(first->second)));
  return false;
}

void Includes::Collect(const Node& root, Lists& lists) {
  std::map<std::string, Position> seen;
  for (const Node::Entry& entry : root.entries) {
    const Node& key = *entry.key;
    if (IsKey(entry, "include") || !IsFirst(key, seen)) continue;
    if (IsKey(entry, "listeners")) {
      CollectList(*entry.value, key.text, lists.listeners);
    } else if (IsKey(entry, "upstreams")) {
      CollectList(*entry.value, key.text, lists.upstreams);
    } else if (!key.text.starts_with("x-")) {
      errors_.Add(key.at, IsKeyOfRoot(key.text)
                              ? Cat("the key ", Quoted(key.text),
                                    " belongs into the file that includes this one; allowed here: "
                                    "listeners, upstreams, include")
                              : DescribeUnknownKey(key.text, "",
                                                   {"listeners", "upstreams", "include"}, errors_));
    }
  }
}

void Includes::CollectList(const Node& list, const std::string& key,
                           std::vector<const Node*>& items) {
  if (list.kind != Node::Kind::kList) {
    return errors_.Add(list.at, Cat(key, ": a list is needed"));
  }
  items.insert(items.end(), list.items.begin(), list.items.end());
}

}  // namespace sluice::conf
