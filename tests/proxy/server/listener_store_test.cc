// Which sockets a service manager is told to keep, under which names.
#include "proxy/server/listener_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

Handover Listening(const std::vector<std::pair<std::string, int>>& sockets) {
  Handover handover;
  for (const auto& [address, fd] : sockets) {
    handover.sockets.push_back({.address = address});
    handover.descriptors.push_back(fd);
  }
  return handover;
}

std::vector<std::string> States(const std::vector<ListenerStore::Message>& messages) {
  std::vector<std::string> states;
  for (const auto& each : messages) {
    states.push_back(each.state + " " + std::to_string(each.descriptor));
  }
  return states;
}

TEST(StoredName, HasWhatAManagerTakes) {
  for (const std::string address : {"127.0.0.1:80", "[::1]:0", "[fe80::1%eth0]:80",
                                    "unix:/run/a b%41:\n\xc3\xa4", "unix:@name"}) {
    const std::string name = StoredName(address);
    EXPECT_TRUE(std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127 && c != ':'; }))
        << name;
    EXPECT_EQ(StoredAddress(name), address);
  }
  EXPECT_EQ(StoredName("127.0.0.1:80"), "listen-127.0.0.1%3a80");
  EXPECT_NE(StoredName("unix:/a%3a"), StoredName("unix:/a:"));
  EXPECT_EQ(StoredName("unix:/" + std::string(300, 'a')), "");
}

TEST(StoredName, OfAnother) {
  for (const char* name :
       {"", "sluice.socket", "listen", "listen-%", "listen-%4", "listen-%zz", "listen-a%4G"}) {
    EXPECT_EQ(StoredAddress(name), std::nullopt) << name;
  }
}

TEST(ListenerStore, FollowsWhatListens) {
  ListenerStore store;
  EXPECT_EQ(States(store.Update(Listening({{"a:1", 5}, {"b:1", 6}, {"c:1", -1}}))),
            (std::vector<std::string>{"FDSTORE=1\nFDNAME=listen-a%3a1 5",
                                      "FDSTORE=1\nFDNAME=listen-b%3a1 6"}));
  EXPECT_EQ(States(store.Update(Listening({{"b:1", 6}, {"c:1", 7}}))),
            (std::vector<std::string>{"FDSTORE=1\nFDNAME=listen-c%3a1 7",
                                      "FDSTOREREMOVE=1\nFDNAME=listen-a%3a1 -1"}));
  EXPECT_TRUE(store.Update(Listening({{"c:1", 7}, {"b:1", 6}})).empty());
  EXPECT_EQ(store.Update({}).size(), 2U);
  EXPECT_TRUE(store.empty());
}

TEST(ListenerStore, OfTheProcessBefore) {
  ListenerStore store;
  store.Known(StoredName("a:1"));
  store.Known(StoredName("b:1"));
  EXPECT_EQ(States(store.Update(Listening({{"a:1", 5}}))),
            (std::vector<std::string>{"FDSTOREREMOVE=1\nFDNAME=listen-b%3a1 -1"}));
}

TEST(ListenerStore, WhatCouldNotBeToldIsToldAgain) {
  ListenerStore store;
  const Handover listening = Listening({{"a:1", 5}});
  store.Lost(store.Update(listening).at(0));
  const auto again = store.Update(listening);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_TRUE(store.Update(listening).empty());
  store.Lost(store.Update({}).at(0));
  EXPECT_EQ(store.Update({}).size(), 1U);
}

}  // namespace
}  // namespace sluice::proxy
