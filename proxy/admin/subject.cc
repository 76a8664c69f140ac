#include "proxy/admin/subject.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"

namespace sluice::proxy {

uint32_t UsableEndpoints(Upstream& upstream) {
  const std::shared_ptr<const EndpointSet> set = upstream.queue().ShareSet();
  return static_cast<uint32_t>(std::ranges::count_if(
      set->members(),
      [](const EndpointMember& member) { return member.endpoint->takes_sessions(); }));
}

std::string WhyNotReady(const ServerView& view) {
  if (view.state != ServerState::kServing) {
    return absl::StrCat("the proxy is ", std::string(Name(view.state)));
  }
  std::string why;
  for (const conf::ReadyWhen& condition : view.topology->config().ready_when) {
    for (const core::IntrusivePtr<Upstream>& upstream : view.topology->upstreams()) {
      if (upstream->name() != condition.upstream) continue;
      const uint32_t usable = UsableEndpoints(*upstream);
      if (usable >= condition.usable) continue;
      absl::StrAppend(&why, why.empty() ? "" : "; ", "upstream ", upstream->name(), " has ", usable,
                      " usable endpoints and needs ", condition.usable);
    }
  }
  return why;
}

}  // namespace sluice::proxy
