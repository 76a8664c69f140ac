// Access: the networks whose clients may connect, or may not, and those whose word is taken for who
// a client is, as plain data.
#ifndef SLUICE_CONF_ACCESS_H_
#define SLUICE_CONF_ACCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/time.h"
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
  // Absolute: `path` is relative to the file that has it. Empty until it has been read.
  std::string place = {};
  size_t digest = 0;  // of the rules, made when they were read

  bool operator==(const AccessFile& other) const {
    if (path != other.path || !rules != !other.rules) return false;
    return rules == other.rules || *rules == *other.rules;
  }
};

// Who may tell in a header of the PROXY protocol whose connection it passes on.
struct TrustedPeer {
  core::Network network;
  bool is_unix = false;  // instead: any client of a UNIX socket

  bool operator==(const TrustedPeer&) const = default;
};

enum class AcceptProxy { kOff, kOptional, kRequired };

// The header of the PROXY protocol that clients send, which are balancers then.
struct ProxyProtocol {
  AcceptProxy accept = AcceptProxy::kOff;
  std::vector<TrustedPeer> trusted;  // at least one, unless it is off
  core::Duration timeout = 3s;       // from accept to the header's end
  bool late = false;                 // it comes with the first bytes, which wait for the server's

  bool is_off() const { return accept == AcceptProxy::kOff; }
  bool operator==(const ProxyProtocol&) const = default;
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
