// NginxMaps: the blocks `map` of nginx that choose by the server's name which a client of TLS asks
// for, as routes.
#ifndef SLUICE_CONF_NGINX_MAPS_H_
#define SLUICE_CONF_NGINX_MAPS_H_

#include <map>
#include <string>
#include <vector>

#include "conf/converted.h"
#include "conf/nginx_words.h"

namespace sluice::conf {

struct NginxMap {
  std::vector<ConvertedRoute> routes = {};  // the upstream is what the map says: "$name" becomes it
  std::string otherwise;                    // of `default`
};

class NginxMaps {
 public:
  // Returns false if it does not map: it goes by something else, or by regular expressions.
  bool Take(const NginxDirective& directive);

  // nullptr: there is none that maps.
  const NginxMap* Find(const std::string& variable) const;

 private:
  std::map<std::string, NginxMap> maps_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_NGINX_MAPS_H_
