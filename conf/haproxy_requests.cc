#include "conf/haproxy_requests.h"

#include "conf/not_converted.h"

namespace sluice::conf {

using Words = std::vector<std::string>;

// "tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }": those who are not in the list
// are plain clients; here those in it may be, too.
Words TakeExpectProxy(const Words& words, ConvertedListener& listener) {
  const bool expects = words.size() > 3 && words[2] == "expect-proxy" && words[3] == "layer4";
  if (!expects) return {NotConverted(words)};
  if (words.size() == 4) {
    listener.SetProxyProtocol("required", {});
    return {"expect-proxy believes every client: put the balancers' networks in trusted"};
  }
  const bool has_list = words.size() > 8 && words[4] == "if" && words[5] == "{" &&
                        words[6] == "src" && words.back() == "}" && words[7][0] != '-';
  if (!has_list) return {NotConverted(words)};
  listener.SetProxyProtocol("optional", {words.begin() + 7, words.end() - 1});
  return {"with accept: optional those in trusted may also come without a header"};
}

}  // namespace sluice::conf
