#include "conf/reader/binds.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

struct Bind {
  std::string path;  // of its key
  core::Address written;
  core::Address address;  // IPv4, also where it is written as IPv6
  bool ipv6_only;
  Position at;

  bool is_any() const { return address.is_ip() && address.is_any(); }
  bool is_ipv4() const { return address.family() == AF_INET; }
};

// The same text for two addresses that are one. The directories of a UNIX socket may have several
// names; a link in place of its file is no socket.
std::string KeyOf(const Bind& bind) {
  if (!bind.address.has_path()) return bind.address.ToString();
  const std::filesystem::path path(bind.address.unix_name());
  std::error_code error;
  const auto directory = std::filesystem::weakly_canonical(path.parent_path(), error);
  return Cat("unix:", (error ? path : directory / path.filename()).string());
}

class Binds {
 public:
  Binds(const Positions& positions, Errors& errors) : positions_(positions), errors_(errors) {}

  void Add(const std::string& path, const core::Address& address, bool ipv6_only) {
    // The kernel gives each port 0 a port of its own.
    if (address.is_empty() || (address.is_ip() && address.port() == 0)) return;
    Bind bind = {.path = path,
                 .written = address,
                 .address = address.is_ip() ? address.Unmapped() : address,
                 .ipv6_only = ipv6_only,
                 .at = positions_.At(path)};
    if (bind.address.family() != address.family() && ipv6_only) {
      return Fail(bind, Cat(" is IPv4 written as IPv6, which a socket for IPv6 alone cannot have; "
                            "allowed: ",
                            bind.address.ToString()));
    }
    const auto [first, is_new] = first_.emplace(KeyOf(bind), bind.at);
    if (!is_new) {
      return Fail(bind, Cat(" is here for the second time; the first is at ",
                            errors_.Place(first->second, bind.at)));
    }
    binds_.push_back(std::move(bind));
  }

  // After all of them: which are parts of others.
  void CheckParts() {
    for (const Bind& bind : binds_) {
      if (!bind.is_any()) continue;
      if (bind.is_ipv4()) any_ipv4_.emplace(bind.address.port(), &bind);
      if (bind.is_ipv4()) continue;
      any_ipv6_.emplace(bind.address.port(), &bind);
      if (!bind.ipv6_only) any_of_both_.emplace(bind.address.port(), &bind);
    }
    for (const Bind& bind : binds_) {
      if (!bind.address.is_ip()) continue;
      const bool is_ipv4 = bind.is_ipv4();
      if (!bind.is_any() && FailIfPart(bind, is_ipv4 ? any_ipv4_ : any_ipv6_, "")) continue;
      if (is_ipv4) FailIfPart(bind, any_of_both_, ", and with ipv6_only: false those of IPv4, too");
    }
  }

 private:
  using ByPort = std::map<uint16_t, const Bind*>;

  void Fail(const Bind& bind, const std::string& what) {
    errors_.Add(bind.at, Cat(bind.path, ": ", Quoted(bind.written.ToString()), what));
  }

  bool FailIfPart(const Bind& bind, const ByPort& wholes, std::string_view why) {
    const auto found = wholes.find(bind.address.port());
    if (found == wholes.end()) return false;
    const Bind& whole = *found->second;
    Fail(bind, Cat(" cannot be had beside ", Quoted(whole.written.ToString()), " (",
                   errors_.Place(whole.at, bind.at), "), which has all addresses of that port", why,
                   "; allowed: one of the two"));
    return true;
  }

  const Positions& positions_;
  Errors& errors_;
  std::map<std::string, Position> first_;  // by KeyOf
  std::vector<Bind> binds_;                // each once
  ByPort any_ipv4_;
  ByPort any_ipv6_;
  ByPort any_of_both_;
};

}  // namespace

void CheckBinds(const Config& config, const Positions& positions, Errors& errors) {
  Binds binds(positions, errors);
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    for (size_t j = 0; j < listener.bind.size(); ++j) {
      binds.Add(Cat("listeners[", i, "].bind[", j, "]"), listener.bind[j],
                listener.socket.ipv6_only);
    }
  }
  binds.Add("admin.bind", config.admin.bind, ListenSocket().ipv6_only);
  binds.Add("admin.probe_bind", config.admin.probe_bind, ListenSocket().ipv6_only);
  binds.CheckParts();
}

}  // namespace sluice::conf
