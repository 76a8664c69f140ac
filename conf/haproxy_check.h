// HaproxyCheck: how a backend of HAProxy's checks its servers, in our words. The last option
// decides of which kind checks are; rules hold wherever they stand. What does not map becomes a
// connect: healthy servers would fail another check.
#ifndef SLUICE_CONF_HAPROXY_CHECK_H_
#define SLUICE_CONF_HAPROXY_CHECK_H_

#include <string_view>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_check_rules.h"
#include "conf/haproxy_sections.h"

namespace sluice::conf {

class HaproxyCheck {
 public:
  // What was taken so far is that of `defaults`: rules of one's own take its place.
  void Inherit();

  // Lines that begin with "option", "http-check" and "tcp-check". Returns false if it is not about
  // checks.
  bool Take(const HaproxyLine& line);

  // Sets the check, and the port and the address that its rules name. `connects`: it only connects,
  // for another reason. What is lost is noted in `out`.
  void SetOn(ConvertedKeys& health, bool connects, Converted& out) const;

 private:
  // "http-check", or "tcp-check".
  struct Family {
    std::vector<HaproxyLine> rules = {};
    bool is_inherited = false;

    void Take(const HaproxyLine& line);
    void NoteUnused(std::string_view option, Converted& out) const;
  };

  HaproxyCheckRules Read(Converted& out) const;

  HaproxyLine option_;  // the last one, without words: there is none
  Family http_;         // the option is one of these, since it has a request, too
  Family tcp_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_CHECK_H_
