// What asks again and again: `--watch`, and `events --follow`.
//
// On a terminal each answer takes the place of the one before, line by line, so that what has not
// changed does not flicker, and never more lines than it has. Elsewhere they follow each other: a
// table and an empty line, or JSON, a line for each.
#ifndef SLUICE_PROXY_CTL_WATCH_H_
#define SLUICE_PROXY_CTL_WATCH_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/ctl/client.h"
#include "proxy/ctl/ctl.h"

namespace sluice::proxy {

inline constexpr core::Duration kWatchInterval = 2s;

// What a terminal shows now, in the place of what it showed before: at most `rows` lines of at most
// `columns` characters. Pure.
std::string Redraw(std::string_view text, size_t rows, size_t columns);

// Prints what `ask` answers, every `interval`, for as long as it is read. On a terminal an
// error is shown and asked again; elsewhere it ends, with that error. `title`: for terminals.
CtlResult Watch(const std::function<CtlResult()>& ask, core::Duration interval,
                std::string_view title);

using CtlAsk =
    std::function<absl::StatusOr<AdminReply>(const std::string& target, core::Duration patience)>;

// Prints the events that `target` asks for, and then those that come, for as long as they are
// read. A process that hands over to another one is followed by that.
CtlResult FollowEvents(const CtlAsk& ask, const std::string& target, bool as_json);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_WATCH_H_
