#include "conf/nginx_senders.h"

#include <map>
#include <utility>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// Returns the upstream to use instead of `name`, which another server uses in another way.
std::string CopyOf(const std::string& name, const ConvertedListener& listener, Converted& out) {
  const ConvertedUpstream* const upstream = out.Find(name);
  if (upstream == nullptr) return name;
  ConvertedUpstream copy = *upstream;
  copy.name = ConvertedName(Cat(name, "-of-", listener.name));
  std::string its_name = copy.name;
  if (out.Find(its_name) != nullptr) return its_name;
  out.Note(listener.line, Cat("its connections are others than those of other servers: ", its_name,
                              " is an upstream of its own"));
  out.upstreams.push_back(std::move(copy));
  return its_name;
}

}  // namespace

void SetNginxSenders(const std::vector<NginxSender>& senders, Converted& out) {
  std::map<std::string, const NginxSender*> first;  // by upstream
  for (const NginxSender& sender : senders) {
    ConvertedListener& listener = out.listeners[sender.listener];
    const auto set = [&](std::string& name) {
      const NginxSender& other = *first.try_emplace(name, &sender).first->second;
      if (other.sends_proxy == sender.sends_proxy && other.source == sender.source) return;
      name = CopyOf(name, listener, out);
      first.try_emplace(name, &sender);
    };
    set(listener.upstream);
    for (ConvertedRoute& route : listener.routes) set(route.upstream);
  }
  for (const auto& [name, sender] : first) {
    ConvertedUpstream* const upstream = out.Find(name);
    if (upstream == nullptr) continue;
    if (sender->sends_proxy) upstream->keys.Set("send_proxy", "v1");
    if (!sender->source.empty()) upstream->keys.Set("source_address", sender->source);
  }
}

}  // namespace sluice::conf
