// SessionRates: what sessions have moved since they were looked at.
#include "proxy/session/session_rates.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

using Rates = std::vector<std::pair<uint64_t, uint64_t>>;

// Of sessions 1, 2, … that have moved so much each way, and are as old.
Rates Look(SessionRates& rates, core::Instant now, core::Duration age,
           const std::vector<uint64_t>& up_and_down) {
  std::vector<SessionRow> rows;
  for (size_t i = 0; i < up_and_down.size(); i += 2) {
    rows.push_back({.id = i / 2 + 1,
                    .age = age,
                    .bytes_up = up_and_down[i],
                    .bytes_down = up_and_down[i + 1]});
  }
  rates.Rate(rows, now);
  Rates found;
  for (const SessionRow& row : rows) found.emplace_back(row.rate_up, row.rate_down);
  return found;
}

TEST(SessionRates, FirstSinceTheBeginningThenSinceTheLookBefore) {
  SessionRates rates;
  const core::Instant t = core::Instant() + 1h;
  EXPECT_EQ(Look(rates, t, 10s, {1000, 20'000}), (Rates{{100, 2000}}));
  EXPECT_EQ(Look(rates, t + 2s, 12s, {1010, 20'000}), (Rates{{5, 0}}));
  // Too soon after that: since the one before.
  EXPECT_EQ(Look(rates, t + 2500ms, 12500ms, {1025, 20'000}), (Rates{{10, 0}}));
  EXPECT_EQ(Look(rates, t + 4s, 14s, {1110, 20'002}), (Rates{{50, 1}}));
}

TEST(SessionRates, OneThatIsNewHasTheRateOfItsLife) {
  SessionRates rates;
  const core::Instant t = core::Instant() + 1h;
  Look(rates, t, 10s, {0, 0});
  EXPECT_EQ(Look(rates, t + 5s, 500ms, {0, 0, 100, 50}), (Rates{{0, 0}, {200, 100}}));
  EXPECT_EQ(Look(rates, t + 6s, 0s, {0, 0, 0, 0, 1, 0}).back(),
            (std::pair<uint64_t, uint64_t>(1000, 0)));
}

}  // namespace
}  // namespace sluice::proxy
