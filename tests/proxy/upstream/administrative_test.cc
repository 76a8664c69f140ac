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
std::string Named(int number) { return At(number).Identity(); }

std::string Text(const std::vector<GivenEndpoint>& given) {
  std::string text;
  for (const auto& [endpoint, state, has_weight_by_hand] : given) {
    const std::string name = endpoint.Identity();
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

class Against {
 public:
  explicit Against(uint64_t seed) : random_(seed) {}

  void Step() {
    const int name = Draw(kNames);
    Expected& each = expected_[name];
    switch (Draw(6)) {
      case 0:
        each.state = static_cast<AdminState>(Draw(3));
        return admin_.SetState(Named(name), each.state);
      case 1:
        each.weight = Draw(5);
        return admin_.SetWeight(Named(name), *each.weight);
      case 2:
        each = {};
        each.added = Draw(5);
        return admin_.Add(At(name, *each.added));
      case 3:
        each = {};
        each.removed = named_.contains(name);
        return admin_.Remove(Named(name), named_.contains(name));
      case 4: {
        const std::optional<uint32_t> added = each.added;
        each = {};
        each.added = added;
        return admin_.Reset(Named(name));
      }
      default:
        Reload();
    }
  }

  void Compare() const {
    std::vector<GivenEndpoint> want;
    for (const conf::Endpoint& endpoint : configured_) {
      const auto found = expected_.find(endpoint.Identity()[7] - '0');
      const Expected of = found == expected_.end() ? Expected() : found->second;
      if (of.removed) continue;
      want.push_back({.endpoint = endpoint, .state = of.state});
      if (of.weight) want.back().endpoint.weight = *of.weight;
    }
    for (const auto& [number, of] : expected_) {
      if (!of.added || named_.contains(number)) continue;
      want.push_back({.endpoint = At(number, of.weight.value_or(*of.added)), .state = of.state});
    }
    ASSERT_EQ(Text(admin_.Apply(configured_)), Text(want));
    Administrative restored;
    restored.Restore(admin_.changes());
    ASSERT_EQ(restored.Apply(configured_), admin_.Apply(configured_));
  }

 private:
  static constexpr int kNames = 6;

  int Draw(uint64_t below) {
    random_ = core::Mix(random_ + 1);
    return static_cast<int>(random_ % below);
  }
  void Reload() {
    configured_.clear();
    named_.clear();
    for (int i = 0; i < kNames; ++i) {
      if (Draw(2) == 0) continue;
      named_.insert(i);
      configured_.push_back(At(i, 10 + Draw(3)));
    }
    admin_.Forget(configured_);
    std::erase_if(expected_, [this](const auto& known) {
      return !known.second.added && !named_.contains(known.first);
    });
  }

  uint64_t random_;
  Administrative admin_;
  std::map<int, Expected> expected_;
  std::vector<conf::Endpoint> configured_{At(0), At(1), At(2)};
  std::set<int> named_{0, 1, 2};
};

TEST(Administrative, DoesWhatAModelDoes) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Against against(seed);
    for (int step = 0; step < 60; ++step) {
      against.Step();
      against.Compare();
      if (HasFatalFailure()) FAIL() << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
