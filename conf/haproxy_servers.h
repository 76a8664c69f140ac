// HaproxyServers: the servers of a backend of HAProxy's, in our words. There each server has
// checks, an agent and a way to connect of its own, here these are the upstream's.
#ifndef SLUICE_CONF_HAPROXY_SERVERS_H_
#define SLUICE_CONF_HAPROXY_SERVERS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_check.h"
#include "conf/haproxy_sections.h"
#include "conf/haproxy_sender.h"

namespace sluice::conf {

class HaproxyServers {
 public:
  using Words = std::vector<std::string>;

  // What does not map is noted in `out`. `options`: those of default-server first.
  void TakeSource(const HaproxyLine& line, Converted& out);  // "source …" of the backend
  void Take(int line, const std::string& name, const std::string& address, const Words& options,
            Converted& out);

  // Whether sessions may wait for one of them.
  bool HaveLimits() const;

  // What the backend says for all of them.
  struct Backend {
    const HaproxyCheck& check;
    std::string check_timeout = {};
    bool all_backups = false;
  };
  // Sets what they say on the upstream, and the checks.
  void SetOn(ConvertedUpstream& upstream, const Backend& backend, Converted& out) const;

 private:
  struct Server {
    int line = 0;
    ConvertedKeys endpoint = {};
    ConvertedKeys health = {};
    ConvertedKeys target = {};  // where it is checked
    ConvertedKeys agent = {};
    ConvertedKeys passive = {};
    ConvertedKeys upstream = {};
    bool has_check = false;
    bool checks_by_tls = false;
    bool has_agent = false;
    bool speaks_tls = false;
    bool is_disabled = false;
    bool is_backup = false;
  };
  // Which of its keys, and of which servers.
  struct Part {
    std::string_view name;  // "health"; "": of the upstream itself
    ConvertedKeys Server::* keys;
    bool (*is_of)(const Server& server);
    std::string_view word;  // that makes a server one of these; "": all are
  };

  size_t TakeOption(const Words& options, size_t i, Server& server, Words& notes);
  bool TakeFlag(const std::string& word, Server& server, Words& notes);
  static bool TakeValue(const std::string& word, const std::string& value, Server& server);
  ConvertedKeys Merge(const Part& part, int line, Converted& out) const;
  ConvertedKeys Health(const Backend& backend, int line, Converted& out) const;

  std::vector<Server> servers_;
  HaproxySender sender_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_SERVERS_H_
