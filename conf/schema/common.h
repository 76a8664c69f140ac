// Common: what two configurations have in common, which a comparison need not look at key by key.
//
// Most reloads change a few words. To show every key of two configurations, as text, takes
// longer than all else that a reload does.
#ifndef SLUICE_CONF_SCHEMA_COMMON_H_
#define SLUICE_CONF_SCHEMA_COMMON_H_

#include <string_view>
#include <unordered_set>

#include "conf/config.h"

namespace sluice::conf {

class Common {
 public:
  // Both outlive it.
  Common(const Config& before, const Config& after);

  template <typename Part>
  bool IsSame(Part Config::* part) const {
    return before_.*part == after_.*part;
  }
  // Whether both have one of this name, and it is the same but for its place in the list. False for
  // all if one of the lists has a name twice, whose items a comparison calls by numbers.
  bool HasListener(std::string_view name) const { return listeners_.contains(name); }
  bool HasUpstream(std::string_view name) const { return upstreams_.contains(name); }

 private:
  const Config& before_;
  const Config& after_;
  const std::unordered_set<std::string_view> listeners_;
  const std::unordered_set<std::string_view> upstreams_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_COMMON_H_
