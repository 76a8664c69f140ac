// Include: a configuration in several files. `include` names further files, with wildcards; what
// they have is listeners, upstreams and further files.
//
//     sluice.yaml      include: [conf.d/*.yaml]        ─┐
//     conf.d/a.yaml    listeners: [{ name: a, ... }]    ├─► one root, as if all were in sluice.yaml
//     conf.d/b.yaml    upstreams: [{ name: b, ... }]   ─┘
//
// Names are relative to the including file, and the files that a pattern finds are in the order of
// their names. A file that is named without wildcards has to be there.
#ifndef SLUICE_CONF_INCLUDE_H_
#define SLUICE_CONF_INCLUDE_H_

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conf/reader/diagnostics.h"
#include "conf/reader/yaml.h"
#include "conf/sources.h"
#include "conf/text/env.h"

namespace sluice::conf {

class Includes {
 public:
  static constexpr int kMaxFiles = 200;

  // Reads a file, whose places are to have this Position::file, and which is named at `named_at`.
  // Null: it has reported why not.
  using Parse = std::function<const Node*(const std::string& path, int file, Position named_at)>;

  // `env`, `errors` and `sources`, where patterns are added, outlive it.
  Includes(const Env& env, Errors& errors, Sources& sources, Parse parse)
      : env_(env), errors_(errors), sources_(sources), parse_(std::move(parse)) {}

  // `root` of the file `path`, and what it includes. Valid as long as this and what Parse gave.
  Node Resolve(const Node& root, const std::string& path);

 private:
  // The lists of all files, in the order in which they are included.
  struct Lists {
    std::vector<const Node*> listeners;
    std::vector<const Node*> upstreams;
  };

  void IncludeAll(const Node& root, const std::string& path, Lists& lists);
  void IncludePattern(const Node& pattern, const std::string& path, Lists& lists);
  void IncludeFile(const Node& pattern, const std::string& path, Lists& lists);
  // False: the key is there twice, and it was reported. `seen`: those of one mapping.
  bool IsFirst(const Node& key, std::map<std::string, Position>& seen);
  void Collect(const Node& root, Lists& lists);
  void CollectList(const Node& list, const std::string& key, std::vector<const Node*>& items);
  const Node& Add(Node node) { return nodes_.emplace_back(std::move(node)); }

  const Env& env_;
  Errors& errors_;
  Sources& sources_;
  const Parse parse_;
  std::deque<Node> nodes_;
  std::vector<std::string> open_;  // the files on the way to the one that is read
  int files_ = 0;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_INCLUDE_H_
