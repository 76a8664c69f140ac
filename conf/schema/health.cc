#include "conf/schema/health.h"

#include <string>
#include <vector>

#include "conf/schema/check_scalars.h"
#include "conf/schema/http_scalars.h"
#include "conf/schema/list_of.h"
#include "conf/schema/scalars.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr Duration kDay = 24h;

Shape Codes(HttpCodes& codes) { return HttpCodesOf(codes); }

Shape Of(HttpCheck& http) {
  return Map{[&http](Visitor& v) {
    v.Optional("method", HttpMethod(http.method));
    v.Optional("path", HttpPath(http.path));
    v.Optional("host", HttpHostOrEmpty(http.host));
    List status = OneOrListOf(kHttpCodesForms, http.status, Codes);
    status.clear = [&http] { http.status.clear(); };
    v.Optional("status", status);
  }};
}

Shape Of(ExchangeStep& step) {
  const auto fields = [&step](Visitor& v) {
    v.Optional("send", BytesOf(step.send, /*is_secret=*/true));
    v.Optional("expect", BytesOf(step.expect, /*is_secret=*/false));
  };
  // A step has no name, and what it sends is a secret.
  return Map{.fields = fields, .identity = [] { return std::string("step"); }};
}

List StepsOf(std::vector<ExchangeStep>& steps) {
  List list = ListOf<ExchangeStep>("step", steps, Of);
  list.may_be_empty = true;
  list.clear = [&steps] { steps.clear(); };
  return list;
}

}  // namespace

Shape Of(Health& health) {
  const auto fields = [&health](Visitor& v) {
    const auto time = [](Duration& field) { return Time(field, 10ms, kDay); };
    v.Optional("check", OneOf(health.check,
                              {{"off", Check::kOff},
                               {"connect", Check::kConnect},
                               {"exchange", Check::kExchange},
                               {"http", Check::kHttp}},
                              {"tls", "https"}));
    v.Optional("interval", time(health.interval));
    v.Optional("fast_interval", time(health.fast_interval));
    v.Optional("down_interval", time(health.down_interval));
    v.Optional("timeout", Time(health.timeout, 1ms, 1h));
    v.Optional("rise", Count(health.rise, 1, 100));
    v.Optional("fall", Count(health.fall, 1, 100));
    v.Optional("address", HostOrEmpty(health.address, "the endpoint's"));
    v.Optional("port", Count(health.port, 0, 65535));
    v.Optional("http", Of(health.http));
    v.Optional("exchange", StepsOf(health.exchange));
    v.Optional("on_down",
               OneOf(health.on_down, {{"keep", OnDown::kKeep}, {"reset", OnDown::kReset}}));
  };
  const auto begin = [&health] {
    if (health.check == Check::kOff) health.check = kCheckIfAny;
  };
  return Map{.fields = fields, .begin = begin};
}

Shape Of(Agent& agent) {
  return Map{[&agent](Visitor& v) {
    v.Optional("port", Count(agent.port, 0, 65535));
    v.Optional("address", HostOrEmpty(agent.address, "the endpoint's"));
    v.Optional("send", CheckTextOrEmpty(agent.send));
    v.Optional("interval", Time(agent.interval, 10ms, kDay));
  }};
}

Shape Of(PassiveHealth& passive) {
  const auto fields = [&passive](Visitor& v) {
    v.Optional("failures", Count(passive.failures, 0, 1000));
    v.Optional("ejection", Time(passive.ejection, 10ms, kDay));
    v.Optional("max_ejection", Time(passive.max_ejection, 10ms, kDay));
    v.Optional("max_ejected", Percent(passive.max_ejected, 0, 100));
  };
  const auto begin = [&passive] {
    if (passive.failures == 0) passive.failures = kFailuresIfAny;
  };
  return Map{.fields = fields, .begin = begin};
}

}  // namespace sluice::conf
