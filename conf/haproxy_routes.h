// HaproxyRoutes: which backends a frontend of HAProxy's chooses by what a client of TLS says first,
// in our words.
#ifndef SLUICE_CONF_HAPROXY_ROUTES_H_
#define SLUICE_CONF_HAPROXY_ROUTES_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

class HaproxyRoutes {
 public:
  using Words = std::vector<std::string>;

  // Lines that begin with "acl", "use_backend" and "tcp-request". These return false for one that
  // does not map.
  bool TakeAcl(const Words& words);
  bool TakeUseBackend(int line, const Words& words);
  bool TakeTcpRequest(const Words& words);  // "inspect-delay", "content"

  // Returns false if what was told of waiting is lost: without routes a listener does not wait.
  bool SetOn(ConvertedListener& listener) const;

  bool rejects_others() const { return rejects_others_; }  // than those that speak TLS

 private:
  using Span = std::span<const std::string>;

  // A condition that has to hold; of its values one.
  struct Term {
    std::string key;
    Words values;
  };

  static std::optional<Term> ReadTerm(Span words);
  std::optional<ConvertedKeys> ReadCondition(Span words) const;
  bool IsTls(Span words) const;

  std::map<std::string, std::optional<Term>> acls_;
  std::vector<ConvertedRoute> routes_;
  std::string otherwise_;  // of use_backend without a condition
  std::string delay_;
  bool has_rules_ = false;  // that wait
  bool accepts_tls_ = false;
  bool rejects_others_ = false;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_ROUTES_H_
