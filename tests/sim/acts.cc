#include "tests/sim/acts.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "proxy/server/endpoint_actions.h"
#include "proxy/server/session_actions.h"
#include "tests/sim/upstream_model.h"

namespace sluice::sim {
namespace {

using proxy::SessionRow;

constexpr char kWho[] = "the simulation";

// All of them; none if one cannot be told from others: its client is gone, its server still reads.
std::vector<SessionRow> RowsOf(const proxy::SessionActions& actions) {
  std::vector<SessionRow> rows = actions.List({}).rows;
  const auto is_nameless = [](const SessionRow& row) { return row.client.is_empty(); };
  if (std::ranges::any_of(rows, is_nameless)) rows.clear();
  return rows;
}

}  // namespace

void Acts::Schedule(Network& network, const bool& has_ended) {
  for (int64_t i = random_.Between(1, 6); i > 0; --i) {
    network.After(random_.Skewed(0s, 10s), [this, &has_ended] {
      if (!has_ended) Do();
    });
  }
}

void Acts::Do() {
  switch (random_.Below(4)) {
    case 0:
      return KillOne();
    case 1:
      return KillSome();
    case 2:
      return Shed();
    default:
      return ChangeEndpoint();
  }
}

void Acts::KillOne() {
  proxy::SessionActions& actions = server_.session_actions();
  const std::vector<SessionRow> rows = RowsOf(actions);
  if (rows.empty()) return;
  const SessionRow& row = rows[random_.Below(rows.size())];
  if (actions.Kill(row.id, kWho).ok()) checker_.acts().Killed(row.client);
}

// Those at one endpoint, or those without one.
void Acts::KillSome() {
  proxy::SessionActions& actions = server_.session_actions();
  const std::vector<SessionRow> rows = RowsOf(actions);
  if (rows.empty()) return;
  proxy::SessionFilter filter;
  const SessionRow& like = rows[random_.Below(rows.size())];
  filter.endpoint = like.endpoint;
  filter.stage = like.stage;
  uint64_t expected = 0;
  for (const SessionRow& row : rows) {
    if (!proxy::Matches(filter, row)) continue;
    ++expected;
    checker_.acts().Killed(row.client);
  }
  const size_t killed = actions.Kill(filter, kWho);
  if (killed != expected) trace_.Fail("%d sessions were to be killed, not %d", expected, killed);
}

void Acts::Shed() {
  proxy::SessionActions& actions = server_.session_actions();
  const std::vector<SessionRow> rows = RowsOf(actions);
  if (rows.empty()) return;
  const auto percent = static_cast<uint32_t>(random_.Between(1, 100));
  const core::Duration over = random_.Chance(200) ? 0s : random_.Between(0s, 5s);
  const absl::StatusOr<size_t> count = actions.Shed(percent, over, kWho);
  if (!count.ok()) return;  // it sheds already, or is ending
  std::vector<core::Address> there;
  for (const SessionRow& row : rows) there.push_back(row.client);
  checker_.acts().Sheds(there, *count, over);
}

void Acts::ChangeEndpoint() {
  UpstreamModel& model = checker_.endpoints().model();
  const auto endpoint = static_cast<uint32_t>(random_.Below(scenario_.endpoints));
  const bool drains = random_.Chance(500);
  const proxy::AdminState state = drains ? proxy::AdminState::kDrain : proxy::AdminState::kReady;
  const uint32_t upstream = model.current().upstream;
  const proxy::EndpointId id = {.upstream = upstream == 0 ? "sim" : "other",
                                .name = absl::StrFormat("10.2.%d.%d:3000", upstream, endpoint + 1)};
  if (server_.endpoint_actions().SetState(id, state, kWho).ok()) {
    model.SetDrained(endpoint, drains);
  }
}

}  // namespace sluice::sim
