#include "core/task/waiter_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "tests/core/support/seed.h"

namespace sluice::core {
namespace {

struct Item final : Node {
  explicit Item(int number) : number(number) {}
  void OnReady() override {}
  Item* previous = nullptr;
  const int number;
};

using List = WaiterList<Item>;

class WaiterListTest : public ::testing::Test {
 protected:
  WaiterListTest() {
    for (int i = 0; i < 6; ++i) items_.emplace_back(i);
  }
  ~WaiterListTest() override {
    while (!list_.empty()) list_.Pop();
  }

  std::vector<int> Numbers() const {
    std::vector<int> numbers;
    for (const Item* item = list_.first(); item != nullptr; item = List::Next(*item)) {
      numbers.push_back(item->number);
    }
    return numbers;
  }

  List list_;
  std::deque<Item> items_;
};

TEST_F(WaiterListTest, FirstInFirstOut) {
  EXPECT_TRUE(list_.empty());
  EXPECT_EQ(list_.first(), nullptr);
  for (int i = 0; i < 3; ++i) list_.Push(items_[i]);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(list_.Pop(), &items_[i]);
  EXPECT_TRUE(list_.empty());
}

TEST_F(WaiterListTest, RemovesTheFirstTheLastOneBetweenAndTheOnlyOne) {
  for (int i = 0; i < 4; ++i) list_.Push(items_[i]);
  EXPECT_TRUE(list_.Remove(items_[3]));
  EXPECT_TRUE(list_.Remove(items_[0]));
  list_.Push(items_[0]);
  EXPECT_TRUE(list_.Remove(items_[2]));
  EXPECT_EQ(Numbers(), (std::vector<int>{1, 0}));
  EXPECT_TRUE(list_.Remove(items_[1]));
  EXPECT_TRUE(list_.Remove(items_[0]));
  EXPECT_TRUE(list_.empty());
}

TEST_F(WaiterListTest, KnowsWhoIsInIt) {
  list_.Push(items_[0]);  // the only one points at itself
  EXPECT_TRUE(List::Contains(items_[0]));
  EXPECT_FALSE(List::Contains(items_[1]));
  list_.Pop();
  items_[0].next = &items_[1];  // somebody else's link by now: a Post's
  EXPECT_FALSE(List::Contains(items_[0]));
  EXPECT_FALSE(list_.Remove(items_[0]));
}

TEST_F(WaiterListTest, InsertsBefore) {
  list_.Push(items_[0]);
  list_.InsertBefore(items_[0], items_[1]);
  list_.Push(items_[2]);
  list_.InsertBefore(items_[2], items_[3]);
  EXPECT_EQ(Numbers(), (std::vector<int>{1, 0, 3, 2}));
  EXPECT_TRUE(list_.Remove(items_[1]));
  EXPECT_TRUE(list_.Remove(items_[2]));
  EXPECT_EQ(Numbers(), (std::vector<int>{0, 3}));
}

// Against a vector that does the same.
TEST(WaiterListProperty, DoesWhatAVectorDoes) {
  std::mt19937_64 random(testing::Seed());
  std::deque<Item> items;
  for (int i = 0; i < 12; ++i) items.emplace_back(i);
  List list;
  std::vector<Item*> expected;
  for (int step = 0; step < 20'000; ++step) {
    Item& item = items[random() % items.size()];
    const auto place = std::ranges::find(expected, &item);
    const bool is_in = place != expected.end();
    ASSERT_EQ(List::Contains(item), is_in);
    if (is_in) {
      ASSERT_TRUE(list.Remove(item));
      expected.erase(place);
    } else if (!expected.empty() && random() % 2 == 0) {
      const size_t before = random() % expected.size();
      list.InsertBefore(*expected[before], item);
      expected.insert(expected.begin() + static_cast<ptrdiff_t>(before), &item);
    } else {
      list.Push(item);
      expected.push_back(&item);
    }
    std::vector<Item*> found;
    for (Item* each = list.first(); each != nullptr; each = List::Next(*each)) {
      found.push_back(each);
    }
    ASSERT_EQ(found, expected) << "step " << step;
  }
  while (!list.empty()) list.Pop();
}

}  // namespace
}  // namespace sluice::core
