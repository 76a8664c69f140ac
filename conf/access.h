// Access: the networks whose clients may connect, or may not, as plain data.
#ifndef SLUICE_CONF_ACCESS_H_
#define SLUICE_CONF_ACCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/net/network.h"

namespace sluice::conf {

// A line of a file: "allow 10.0.0.0/8" or "deny 192.0.2.1".
struct AccessRule {
  core::Network network;
  bool allows = false;
  uint32_t line = 0;

  bool operator==(const AccessRule&) const = default;
};

struct AccessFile {
  std::string path;  // as the configuration has it
  // Null: it has not been read. Large lists are shared by all copies of a configuration.
  std::shared_ptr<const std::vector<AccessRule>> rules = nullptr;

  bool operator==(const AccessFile& other) const {
    if (path != other.path || !rules != !other.rules) return false;
    return rules == other.rules || *rules == *other.rules;
  }
};

struct Access {
  std::vector<core::Network> allow;
  std::vector<core::Network> deny;
  std::vector<AccessFile> files;

  bool empty() const { return allow.empty() && deny.empty() && files.empty(); }
  bool operator==(const Access&) const = default;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_ACCESS_H_
