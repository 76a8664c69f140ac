// NginxSender: how a server of nginx's makes its connections. Here that is the upstream's.
#ifndef SLUICE_CONF_NGINX_SENDERS_H_
#define SLUICE_CONF_NGINX_SENDERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

struct NginxSender {
  size_t listener = 0;  // which of `out.listeners` it has become
  bool sends_proxy = false;
  std::string source = {};
};

// Sets it on the upstreams that each uses, those of its routes, too: one that two servers use in
// two ways is two.
void SetNginxSenders(const std::vector<NginxSender>& senders, Converted& out);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_NGINX_SENDERS_H_
