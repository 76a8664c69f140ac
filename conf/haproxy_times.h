// HaproxyTimes: what sections of HAProxy's say of timeouts, and what becomes of it. There each side
// of a session has its own, here a session has one of each kind.
#ifndef SLUICE_CONF_HAPROXY_TIMES_H_
#define SLUICE_CONF_HAPROXY_TIMES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

class HaproxyTimes {
 public:
  // "timeout client 5m". Returns false if that does not map.
  bool Take(int line, const std::vector<std::string>& words);

  std::string Get(std::string_view name) const;          // "": it was not said
  std::string GetPositive(std::string_view name) const;  // "": or it was 0

  // Those of sessions that come in by a section with these times and go out by one with those of
  // `back`. What is lost is noted in `out`.
  ConvertedKeys Of(const HaproxyTimes& back, Converted& out) const;

 private:
  struct Time {
    int line = 0;
    std::string text;
  };

  const Time* Find(std::string_view name) const;
  static bool IsZero(const Time* time);
  static const Time* Shorter(const Time* a, const Time* b);

  std::map<std::string, Time, std::less<>> times_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_TIMES_H_
