// What is different about two configurations: nothing is forgotten, and it is told in sentences.
//
// SLUICE_SEED picks another seed, SLUICE_ROUNDS another number of pairs.

#include "conf/diff.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "conf/print.h"
#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "tests/conf/generate.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

std::string Joined(const Diff& diff) {
  std::string text;
  for (const std::string& line : Sentences(diff)) text += line + "\n";
  return text;
}

TEST(Diff, AppliedGivesTheOther) {
  const uint64_t seed = FromEnvironment("SLUICE_SEED", 20261128);
  const uint64_t rounds = FromEnvironment("SLUICE_ROUNDS", 200);
  std::cout << "SLUICE_SEED=" << seed << " SLUICE_ROUNDS=" << rounds << "\n";
  for (uint64_t i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed + i) + " SLUICE_ROUNDS=1");
    std::mt19937_64 random(seed + i);
    const Config a = Generate(random);
    Config b = Generate(random);
    if (random() % 2 == 0) {  // much in common
      b.listeners.insert(b.listeners.begin(), a.listeners.begin(), a.listeners.end());
      b.upstreams.insert(b.upstreams.end(), a.upstreams.rbegin(), a.upstreams.rend());
    }
    const Diff diff = Compare(a, b);
    EXPECT_EQ(Apply(a, diff), b) << Print(a) << "\n" << Print(b) << Joined(diff);
    EXPECT_EQ(Apply(b, Compare(b, a)), a);
    EXPECT_EQ(diff.empty(), a == b);
    EXPECT_EQ(Sentences(diff).empty(), a == b) << Print(a) << "\n" << Print(b);
    EXPECT_TRUE(Compare(a, a).empty());
    EXPECT_NE(Apply(a, Diff()), b);
  }
}

// Every key alone: none is left out of the comparison, nor of the sentences.
class OneChanger : public Visitor {
 public:
  // `met`: the key of number `which`; `changed`: the same if it has got another value.
  OneChanger(int which, std::string prefix, int& seen, std::string& met, std::string& changed)
      : which_(which), prefix_(std::move(prefix)), seen_(seen), met_(met), changed_(changed) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    const std::string path = prefix_ + std::string(key);
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      if (seen_++ == which_) Change(*scalar, path);
    } else if (const auto* map = std::get_if<Map>(&shape)) {
      OneChanger inner(which_, path + ".", seen_, met_, changed_);
      map->fields(inner);
    } else {
      const Shape item = std::get<List>(shape).item(0);
      if (const auto* map_item = std::get_if<Map>(&item)) {
        OneChanger inner(which_, path + ".", seen_, met_, changed_);
        map_item->fields(inner);
      } else if (seen_++ == which_) {
        Change(std::get<Scalar>(item), path);
      }
    }
  }

 private:
  void Change(const Scalar& scalar, const std::string& path) {
    met_ = path;
    const std::string before = scalar.format();
    for (const char* text : kTexts) {
      if (scalar.parse(text).ok() && scalar.format() != before) {
        changed_ = path;
        return;
      }
    }
  }

  const int which_;
  const std::string prefix_;
  int& seen_;
  std::string& met_;
  std::string& changed_;
};

// Gives every empty list of scalars an item, so that there is a value to change.
class ListFiller : public Visitor {
 public:
  void Field(std::string_view, const Shape& shape, Presence) override {
    if (const auto* map = std::get_if<Map>(&shape)) {
      map->fields(*this);
      return;
    }
    const auto* list = std::get_if<List>(&shape);
    if (list == nullptr) return;
    if (list->size() == 0) list->add();
    const Shape item = list->item(0);
    if (const auto* map_item = std::get_if<Map>(&item)) {
      map_item->fields(*this);
    } else if (const auto& scalar = std::get<Scalar>(item); scalar.format().empty()) {
      for (const char* text : kTexts) {
        if (scalar.parse(text).ok()) return;
      }
    }
  }
};

TEST(Diff, TellsThatASecretHasChangedAndNotWhatItIs) {
  Config before = Load(kMinimal).config;
  Config after = before;
  before.admin.token = "the-one-before";
  after.admin.token = "the-one-after";
  const Diff diff = Compare(before, after);
  EXPECT_EQ(Apply(before, diff), after);
  EXPECT_EQ(Joined(diff), "admin.token is another one\n");
}

TEST(Diff, TellsEveryKey) {
  LoadResult loaded = Load(kMinimal);
  ASSERT_TRUE(loaded.ok());
  loaded.config.ready_when.emplace_back().upstream = "app";
  ListFiller filler;
  Describe(loaded.config).fields(filler);
  int keys = 0;
  std::set<std::string> with_one_value;
  for (int which = 0; which <= keys; ++which) {
    Config changed = loaded.config;
    std::string met;
    std::string key;
    keys = 0;
    OneChanger changer(which, "", keys, met, key);
    Describe(changed).fields(changer);
    if (which == keys) break;
    if (key.empty()) {
      with_one_value.insert(met);
      continue;
    }
    const Diff diff = Compare(loaded.config, changed);
    EXPECT_EQ(Apply(loaded.config, diff), changed) << key;
    const std::string text = Joined(diff);
    const std::string last = key.substr(key.rfind('.') + 1);
    const bool is_identity = (key.starts_with("listeners.routes.") && last != "upstream") ||
                             key == "listeners.name" || key == "upstreams.name" ||
                             key == "ready_when.upstream" || key == "upstreams.endpoints.address" ||
                             key == "upstreams.endpoints.name";
    EXPECT_NE(text.find(is_identity ? " is removed" : last + " is "), text.npos) << key << "\n"
                                                                                 << text;
    EXPECT_EQ(text.find("only from the next start on") != text.npos, KeepsUntilRestart(key)) << key;
  }
  EXPECT_EQ(with_one_value, std::set<std::string>({"version"}));
  EXPECT_GT(keys, 60);
}

constexpr char kBefore[] = R"(
runtime: { workers: 2 }
listeners:
  - { name: web, bind: "127.0.0.1:8080", upstream: app }
  - { name: old, bind: "127.0.0.1:8081", upstream: app }
upstreams:
  - name: app
    endpoints: ["127.0.0.1:3000", { address: "127.0.0.1:3001", weight: 3 }, "127.0.0.1:3002"]
)";

constexpr char kAfter[] = R"(
runtime: { workers: 4 }
listeners:
  - { name: web, bind: ["127.0.0.1:8080", "unix:/run/web"], upstream: app, timeouts: { idle: 5m } }
  - { name: db, bind: "127.0.0.1:5432", upstream: db, max_connections: 7 }
upstreams:
  - name: db
    endpoints: [{ address: "127.0.0.1:1", weight: 2 }]
  - name: app
    endpoints:
      - "127.0.0.1:3002"
      - { address: "127.0.0.1:3001", weight: 1, max_connections: 9 }
      - { address: "127.0.0.1:3003", weight: 0 }
)";

TEST(Diff, InSentences) {
  EXPECT_EQ(Joined(Compare(Load(kBefore).config, Load(kAfter).config)),
            "runtime.workers is 4, was 2 (only from the next start on)\n"
            "listener db is added (bind 127.0.0.1:5432; upstream db; max_connections 7)\n"
            "listener old is removed\n"
            "listener web: bind is 127.0.0.1:8080, unix:/run/web, was 127.0.0.1:8080\n"
            "listener web: timeouts.idle is 5m, was 10m\n"
            "upstream db is added (endpoints 127.0.0.1:1; endpoint 127.0.0.1:1 weight 2)\n"
            "upstream app: endpoint 127.0.0.1:3003 is added (weight 0)\n"
            "upstream app: endpoint 127.0.0.1:3000 is removed\n"
            "upstream app: endpoints are in another order\n"
            "upstream app: endpoint 127.0.0.1:3001: weight is 1, was 3\n"
            "upstream app: endpoint 127.0.0.1:3001: max_connections is 9, was 0\n");
}

using Rules = std::vector<AccessRule>;

AccessRule Deny(const std::string& network, uint32_t line) {
  return {.network = *core::Network::Parse(network), .allows = false, .line = line};
}

TEST(Diff, FilesThatSaySomethingElse) {
  Config before = Load(kMinimal).config;
  const auto with = [&before](const Rules& rules) {
    Config config = before;
    config.access.files = {{.path = "same"}, {.path = "list"}};
    config.access.files[1].rules = std::make_shared<const Rules>(rules);
    config.listeners[0].access = config.access;
    return config;
  };
  before = with({Deny("10.0.0.0/8", 1)});
  const Config after = with({Deny("10.0.0.0/9", 1), Deny("10.9.0.0/16", 2)});
  EXPECT_EQ(Joined(Compare(before, after)),
            "access.files: list says something else (2 rules, was 1 rule)\n"
            "listener web: access.files: list says something else (2 rules, was 1 rule)\n");
  EXPECT_EQ(Joined(Compare(before, with({Deny("10.0.0.0/8", 7)}))), "") << "a comment above it";
  Config more = after;
  more.listeners[0].access = before.listeners[0].access;
  more.access.files.push_back({.path = "other"});
  EXPECT_EQ(Joined(Compare(before, more)),
            "access.files: list says something else (2 rules, was 1 rule)\n"
            "access.files is same, list, other, was same, list\n");
}

std::string WithEndpoints(const std::string& endpoints) {
  return "listeners: [{ name: web, bind: \"127.0.0.1:8080\", upstream: app }]\n"
         "upstreams: [{ name: app, endpoints: [" +
         endpoints + "] }]\n";
}

TEST(Diff, EndpointsAreTheSameByTheirNames) {
  const Config before = Load(WithEndpoints(R"({ address: "127.0.0.1:1", name: a }, "127.0.0.1:2",
                                              { address: "127.0.0.1:3", name: c })"))
                            .config;
  const Config after = Load(WithEndpoints(R"({ address: "127.0.0.1:9", name: a },
                                             { address: "127.0.0.1:2", name: b },
                                             { address: "127.0.0.1:3", name: c, weight: 2 })"))
                           .config;
  const Diff diff = Compare(before, after);
  EXPECT_EQ(Apply(before, diff), after);
  EXPECT_EQ(Joined(diff),
            "upstream app: endpoint b is added (address 127.0.0.1:2)\n"
            "upstream app: endpoint 127.0.0.1:2 is removed\n"
            "upstream app: endpoint a: address is 127.0.0.1:9, was 127.0.0.1:1\n"
            "upstream app: endpoint c: weight is 2, was 1\n");
}

// Each has to be told from all others of its address, in a time that is not that of all pairs.
TEST(Diff, ManyEndpointsOfOneAddress) {
  Config before = Load(kMinimal).config;
  Config after = before;
  before.upstreams[0].endpoints.resize(3000, before.upstreams[0].endpoints[0]);
  after.upstreams[0].endpoints.resize(3001, after.upstreams[0].endpoints[0]);
  after.upstreams[0].endpoints[3000].weight = 7;
  const std::string name = after.upstreams[0].endpoints[0].Identity();
  EXPECT_EQ(Joined(Compare(before, after)),
            "upstream app: endpoint " + name + " (3001) is added (weight 7)\n");
}

}  // namespace
}  // namespace sluice::conf::testing
