#include "conf/haproxy_requests.h"

#include <algorithm>
#include <string_view>

#include "conf/not_converted.h"

namespace sluice::conf {
namespace {

using Words = std::vector<std::string>;

bool IsNetwork(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789abcdefABCDEF.:/") == std::string_view::npos;
}

// "reject if { src 10.6.0.0/16 }", or "if !{ src …": the others. There the first line that fits
// decides, here the most specific network: of one kind both are the same.
bool RejectBySource(const Words& words, ConvertedListener& listener) {
  if (words.size() < 8 || words[2] != "reject") return false;
  const bool is_if = words[3] == "if" && words[4] == "{";
  const bool is_not =
      (words[3] == "if" && words[4] == "!{") || (words[3] == "unless" && words[4] == "{");
  if ((!is_if && !is_not) || words[5] != "src" || words.back() != "}") return false;
  const Words networks = {words.begin() + 6, words.end() - 1};
  const bool is_one_kind = listener.allow.empty() && (is_if || listener.deny.empty());
  if (!is_one_kind || !std::ranges::all_of(networks, IsNetwork)) return false;
  Words& list = is_if ? listener.deny : listener.allow;
  list.insert(list.end(), networks.begin(), networks.end());
  return true;
}

}  // namespace

// "tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }": those who are not in the list
// are plain clients; here those in it may be, too.
Words TakeTcpRequestConnection(const Words& words, ConvertedListener& listener) {
  const bool expects = words.size() > 3 && words[2] == "expect-proxy" && words[3] == "layer4";
  if (!expects) {
    if (RejectBySource(words, listener)) return {};
    return {NotConverted(words)};
  }
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
