// A block `upstream` of nginx's in our words.
#ifndef SLUICE_CONF_NGINX_UPSTREAM_H_
#define SLUICE_CONF_NGINX_UPSTREAM_H_

#include "conf/converted.h"
#include "conf/nginx_words.h"

namespace sluice::conf {

// What does not map is noted in `out`.
ConvertedUpstream NginxUpstream(const NginxDirective& directive, Converted& out);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_NGINX_UPSTREAM_H_
