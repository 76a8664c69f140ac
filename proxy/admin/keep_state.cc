#include "proxy/admin/keep_state.h"

#include <memory>
#include <utility>

namespace sluice::proxy {
namespace {

void Tell(core::Logger& logger, const absl::Status& status) {
  if (status.ok()) return;
  logger.Log(core::LogLevel::kError, "%s; changes of endpoints are not kept", status.message());
}

}  // namespace

absl::Status KeepState(StateFile& state, Server& server, bool takes_over, core::Logger& logger) {
  if (!state.has_path()) return absl::OkStatus();
  const auto keep = [&state, &actions = server.endpoint_actions()] {
    actions.Restore(state.Load());
    const absl::Status started = state.Start([&actions] { return actions.changes(); });
    if (started.ok()) actions.set_on_change([&state] { state.Changed(); });
    return started;
  };
  if (!takes_over) return keep();
  server.set_adopt_state([keep, &logger] { Tell(logger, keep()); });
  return absl::OkStatus();
}

void SetAdmin(Server& server, std::function<absl::Status()> open, std::function<void()> close,
              StateFile& state, core::Logger& logger) {
  const auto has_closed = std::make_shared<bool>(false);
  server.set_admin(
      [open = std::move(open), has_closed, &state, &logger] {
        if (*has_closed) Tell(logger, state.Resume());  // it was to be handed over
        return open();
      },
      [close = std::move(close), has_closed, &state] {
        close();
        state.Stop();
        *has_closed = true;
      });
}

}  // namespace sluice::proxy
