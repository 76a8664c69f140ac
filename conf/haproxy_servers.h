// HaproxyServers: the servers of a backend of HAProxy's, in our words. There each server has
// checks, an agent and a way to connect of its own, here these are the upstream's.
#ifndef SLUICE_CONF_HAPROXY_SERVERS_H_
#define SLUICE_CONF_HAPROXY_SERVERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_check.h"
#include "conf/haproxy_sender.h"

namespace sluice::conf {

class HaproxyServers {
 public:
  using Words = std::vector<std::string>;

  // These return notes on what does not map. `options`: those of default-server first.
  Words TakeSource(const Words& words);  // the line "source …" of the backend
  Words Take(const std::string& name, const std::string& address, const Words& options);

  // Sets what they say on the upstream, and the checks.
  Words SetOn(ConvertedUpstream& upstream, const HaproxyCheck& check) const;

 private:
  // What one server says, for all.
  struct Own {
    ConvertedKeys endpoint = {};
    ConvertedKeys health = {};
    ConvertedKeys agent = {};
    ConvertedKeys passive = {};
    ConvertedKeys upstream = {};
    bool has_check = false;
    bool checks_by_tls = false;
    bool has_agent = false;
    bool speaks_tls = false;
    bool is_disabled = false;
  };

  size_t TakeOption(const Words& options, size_t i, Own& own, Words& notes);
  bool TakeFlag(const std::string& word, Own& own, Words& notes);
  static bool TakeValue(const std::string& word, const std::string& value, Own& own);
  static void Merge(const ConvertedKeys& from, std::string_view what, ConvertedKeys& into,
                    Words& notes);

  std::vector<ConvertedKeys> endpoints_;
  ConvertedKeys health_;
  ConvertedKeys agent_;
  ConvertedKeys passive_;
  ConvertedKeys upstream_;
  size_t checked_ = 0;
  bool checks_by_tls_ = false;
  HaproxySender sender_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_SERVERS_H_
