// NginxTold: what is said for a server of nginx's, in its block or in the one around it: of PROXY
// headers, of addresses, of how a client's first bytes are read and of how a session ends.
#ifndef SLUICE_CONF_NGINX_TOLD_H_
#define SLUICE_CONF_NGINX_TOLD_H_

#include <string>
#include <string_view>
#include <vector>

#include "conf/nginx_senders.h"
#include "conf/nginx_words.h"

namespace sluice::conf {

// Of directives that are said twice the last one holds. What is not said is as nginx has it.
struct NginxTold {
  bool accepts = false;
  std::string timeout = "30s";  // for the PROXY header
  std::vector<std::string> trusted = {};
  bool reads_names = false;
  bool is_tls = false;      // towards the servers
  bool keeps_half = false;  // when one direction has ended; else both are closed
  std::string read_timeout = "30s";
  NginxSender sender = {};

  // Returns false if it does not map. `each` is one of those below.
  bool Take(const NginxDirective& each);
};

// What a server has of the block around it, if it does not say so itself. "allow" and "deny" are
// such, too, but are not of NginxTold.
bool IsToldByNginx(std::string_view word);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_NGINX_TOLD_H_
