// What two configurations have in common is left out of their comparison, and nothing else.
//
// SLUICE_SEED picks another seed, SLUICE_ROUNDS another number of pairs.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "conf/diff.h"
#include "conf/print.h"
#include "tests/conf/generate.h"

namespace sluice::conf::testing {
namespace {

template <typename Item>
void NumberNames(std::vector<Item>& items) {
  for (size_t i = 0; i < items.size(); ++i) items[i].name = "item-" + std::to_string(i);
}

// So that most of both is the same, which a comparison leaves out.
template <typename Item>
void ChangeAFew(std::vector<Item>& items, std::vector<Item> others, std::mt19937_64& random) {
  NumberNames(others);
  for (size_t i = 0; i < items.size() && i < others.size(); ++i) {
    if (random() % 3 == 0) std::swap(items[i], others[i]);
  }
  if (!items.empty() && random() % 3 == 0) items.erase(items.begin());
  if (!items.empty() && random() % 3 == 0) std::swap(items.front(), items.back());
  if (!items.empty() && random() % 8 == 0) items.push_back(items.front());  // of one name
}

TEST(Diff, OfWhatIsMostlyTheSame) {
  const uint64_t seed = FromEnvironment("SLUICE_SEED", 20261129);
  const uint64_t rounds = FromEnvironment("SLUICE_ROUNDS", 60);
  std::cout << "SLUICE_SEED=" << seed << " SLUICE_ROUNDS=" << rounds << "\n";
  for (uint64_t i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed + i) + " SLUICE_ROUNDS=1");
    std::mt19937_64 random(seed + i);
    Config a = Generate(random);
    const Config other = Generate(random);
    NumberNames(a.listeners);
    NumberNames(a.upstreams);
    Config b = a;
    ChangeAFew(b.listeners, other.listeners, random);
    ChangeAFew(b.upstreams, other.upstreams, random);
    if (random() % 4 == 0) b.limits = other.limits;
    if (random() % 4 == 0) b.default_upstream = other.default_upstream;
    if (random() % 4 == 0) b.ready_when = other.ready_when;
    const Diff diff = Compare(a, b);
    EXPECT_EQ(Apply(a, diff), b) << Print(a) << "\n" << Print(b);
    EXPECT_EQ(Apply(b, Compare(b, a)), a);
    EXPECT_EQ(diff.empty(), a == b);
  }
}

}  // namespace
}  // namespace sluice::conf::testing
