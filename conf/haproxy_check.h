// HaproxyCheck: how a backend of HAProxy's checks its servers, in our words.
#ifndef SLUICE_CONF_HAPROXY_CHECK_H_
#define SLUICE_CONF_HAPROXY_CHECK_H_

#include <string>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

class HaproxyCheck {
 public:
  using Words = std::vector<std::string>;

  // Lines that begin with "option", "http-check" and "tcp-check". These return false for one that
  // does not map.
  bool TakeOption(const Words& words);
  bool TakeHttp(const Words& words);
  bool TakeTcp(const Words& words);

  // `by_tls`: the checks are to speak TLS, which ours do not.
  void SetOn(ConvertedKeys& health, bool by_tls) const;

 private:
  struct Step {
    std::string send = {};  // as YAML has it
    std::string expect = {};
  };

  bool AddStep(bool sends, const Words& words, size_t type);
  std::string StepsYaml() const;

  enum class Kind { kConnect, kHttp, kExchange };

  Kind kind_ = Kind::kConnect;
  ConvertedKeys http_;
  std::vector<Step> steps_;
  // Without one of its steps an exchange would be another one, and healthy servers would fail it.
  bool has_all_steps_ = true;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_CHECK_H_
