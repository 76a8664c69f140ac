#include "proxy/top/asker.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "conf/text/text.h"
#include "proxy/ctl/client.h"

namespace sluice::proxy {

absl::StatusOr<JsonValue> TopAsker::Ask(std::string_view method, const std::string& target,
                                        core::Duration patience) const {
  const absl::StatusOr<AdminReply> reply =
      AskAdmin(options_.admin, method, target, options_.token, patience);
  if (!reply.ok()) return reply.status();
  std::optional<JsonValue> json = ParseJson(reply->body);
  if (reply->status == 200 && json) return *std::move(json);
  const std::string why = json ? (*json)["error"].text : "";
  return absl::UnavailableError(why.empty() ? absl::StrCat("the proxy answered ", reply->status)
                                            : conf::Printable(why));
}

std::string TimeOfDay() { return absl::FormatTime("%H:%M:%S", absl::Now(), absl::LocalTimeZone()); }

}  // namespace sluice::proxy
