// Administrative: what an administrator has changed, over the endpoints of any configuration.
#include "proxy/upstream/administrative.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"

namespace sluice::proxy {
namespace {

conf::Endpoint At(int number, uint32_t weight = 1) {
  return {.address = *core::Address::Parse("10.0.0." + std::to_string(number) + ":80"),
          .weight = weight};
}
std::string Named(int number) { return NameOf(At(number)); }

std::string Text(const std::vector<GivenEndpoint>& given) {
  std::string text;
  for (const auto& [endpoint, state] : given) {
    const std::string name = NameOf(endpoint);
    text += name.substr(7, name.find(':') - 7) + ":" + std::to_string(endpoint.weight) +
            std::string(Name(state)).substr(0, 1) + " ";
  }
  return text;
}

TEST(Administrative, SaysNothingByItself) {
  const Administrative admin;
  EXPECT_EQ(Text(admin.Apply(std::vector{At(1), At(2, 0)})), "1:1r 2:0r ");
}

TEST(Administrative, ChangesWhatIsConfigured) {
  Administrative admin;
  const std::vector configured{At(1), At(2), At(3), At(4)};
  admin.SetState(Named(1), AdminState::kDrain);
  admin.SetWeight(Named(1), 9);
  admin.SetState(Named(2), AdminState::kMaintenance);
  admin.Remove(Named(3), /*is_configured=*/true);
  admin.Add(At(5, 7));
  admin.SetState(Named(5), AdminState::kDrain);
  EXPECT_EQ(Text(admin.Apply(configured)), "1:9d 2:1m 4:1r 5:7d ");
  for (int i = 1; i <= 5; ++i) admin.Reset(Named(i));
  EXPECT_EQ(Text(admin.Apply(configured)), "1:1r 2:1r 3:1r 4:1r 5:7r ") << "what is added stays";
  admin.Remove(Named(5), /*is_configured=*/false);
  EXPECT_EQ(Text(admin.Apply(configured)), "1:1r 2:1r 3:1r 4:1r ");
  EXPECT_TRUE(admin.changes().empty());
}

TEST(Administrative, OneThatIsRemovedStaysAwayUntilTheFileDropsItAndNamesItAgain) {
  Administrative admin;
  const std::vector with{At(1), At(2)};
  const std::vector without{At(2)};
  admin.Remove(Named(1), /*is_configured=*/true);
  for (int i = 0; i < 3; ++i) {
    admin.Forget(with);
    EXPECT_EQ(Text(admin.Apply(with)), "2:1r ");
  }
  admin.Forget(without);
  EXPECT_EQ(Text(admin.Apply(with)), "1:1r 2:1r ");
}

TEST(Administrative, OneThatIsAddedStaysUntilItIsRemoved) {
  Administrative admin;
  admin.Add(At(1, 5));
  admin.Forget(std::vector{At(2)});
  EXPECT_EQ(Text(admin.Apply(std::vector{At(2)})), "2:1r 1:5r ");
  const std::vector both{At(1, 3), At(2)};
  admin.Forget(both);
  EXPECT_EQ(Text(admin.Apply(both)), "1:3r 2:1r ") << "as the file says, while it names it";
  admin.Forget(std::vector{At(2)});
  EXPECT_EQ(Text(admin.Apply(std::vector{At(2)})), "2:1r 1:5r ");
  admin.Remove(Named(1), /*is_configured=*/false);
  EXPECT_EQ(Text(admin.Apply(std::vector{At(2)})), "2:1r ");
}

TEST(Administrative, TheVersionTellsOfEveryChange) {
  Administrative admin;
  uint64_t version = admin.version();
  const auto changed = [&] { return admin.version() != std::exchange(version, admin.version()); };
  EXPECT_FALSE(changed());
  admin.SetState(Named(1), AdminState::kDrain);
  EXPECT_TRUE(changed());
  admin.Forget(std::vector{At(1)});
  EXPECT_FALSE(changed());
  admin.Forget({});
  EXPECT_TRUE(changed());
  admin.Add(At(1));
  EXPECT_TRUE(changed());
}

// Random acts and reloads against a model that remembers for each name what was done to it last.
struct Expected {
  AdminState state = AdminState::kReady;
  std::optional<uint32_t> weight;
  bool removed = false;
  std::optional<uint32_t> added;  // its weight
};

TEST(Administrative, DoesWhatAModelDoes) {
  constexpr int kNames = 6;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    uint64_t random = seed;
    const auto draw = [&random](uint64_t below) {
      random = core::Mix(random + 1);
      return static_cast<int>(random % below);
    };
    Administrative admin;
    std::map<int, Expected> expected;
    std::vector<conf::Endpoint> configured{At(0), At(1), At(2)};
    std::set<int> named{0, 1, 2};
    for (int step = 0; step < 60; ++step) {
      const int name = draw(kNames);
      Expected& each = expected[name];
      switch (draw(6)) {
        case 0:
          each.state = static_cast<AdminState>(draw(3));
          admin.SetState(Named(name), each.state);
          break;
        case 1:
          each.weight = draw(5);
          admin.SetWeight(Named(name), *each.weight);
          break;
        case 2:
          each = {};
          each.added = draw(5);
          admin.Add(At(name, *each.added));
          break;
        case 3:
          each = {};
          each.removed = named.contains(name);
          admin.Remove(Named(name), named.contains(name));
          break;
        case 4:
          each.state = AdminState::kReady;
          each.weight.reset();
          each.removed = false;
          admin.Reset(Named(name));
          break;
        default:
          configured.clear();
          named.clear();
          for (int i = 0; i < kNames; ++i) {
            if (draw(2) == 0) continue;
            named.insert(i);
            configured.push_back(At(i, 10 + draw(3)));
          }
          admin.Forget(configured);
          std::erase_if(expected, [&named](const auto& known) {
            return !known.second.added && !named.contains(known.first);
          });
      }
      std::vector<GivenEndpoint> want;
      for (const conf::Endpoint& endpoint : configured) {
        const std::string text = NameOf(endpoint);
        const Expected& of = expected[text[7] - '0'];
        if (of.removed) continue;
        want.push_back({.endpoint = endpoint, .state = of.state});
        if (of.weight) want.back().endpoint.weight = *of.weight;
      }
      for (const auto& [number, of] : expected) {
        if (!of.added || named.contains(number)) continue;
        want.push_back({.endpoint = At(number, of.weight.value_or(*of.added)), .state = of.state});
      }
      ASSERT_EQ(Text(admin.Apply(configured)), Text(want)) << "seed " << seed << " step " << step;
      Administrative restored;
      restored.Restore(admin.changes());
      ASSERT_EQ(restored.Apply(configured), admin.Apply(configured));
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
