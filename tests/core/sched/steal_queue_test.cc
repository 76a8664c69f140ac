// StealQueue: what one thread can see of it, then an owner and thieves at once. Built a second time
// with odd_atomic.h, whose positions wrap round after a few tasks.

#include "core/sched/steal_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "tests/core/support/seed.h"

namespace sluice::core::testing {
namespace {

struct Item {
  int value = 0;  // plain: the sanitizer sees whether the queue orders writer and reader
  std::atomic<int> runs{0};
};

template <typename Capacity>
class StealQueueTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kCapacity = Capacity::value;
  using Queue = StealQueue<Item, kCapacity>;

  void SetUp() override {
    for (size_t i = 0; i < items_.size(); ++i) items_[i].value = static_cast<int>(i);
  }
  void Push(Queue& queue, int index) {
    queue.Push(&items_[index], [this](std::span<Item* const> items) {
      for (const Item* item : items) overflow_.push_back(item->value);
    });
  }
  static std::vector<int> Drain(Queue& queue) {
    std::vector<int> values;
    while (Item* item = queue.Pop()) values.push_back(item->value);
    return values;
  }
  static std::vector<int> Sequence(int first, int end) {
    std::vector<int> values;
    for (; first < end; ++first) values.push_back(first);
    return values;
  }

  std::vector<Item> items_{2048};
  std::vector<int> overflow_;
};

using Capacities =
    ::testing::Types<std::integral_constant<uint32_t, 4>, std::integral_constant<uint32_t, 8>,
                     std::integral_constant<uint32_t, 256>>;
TYPED_TEST_SUITE(StealQueueTest, Capacities);

TYPED_TEST(StealQueueTest, FirstInFirstOut) {
  typename TestFixture::Queue queue;
  EXPECT_EQ(queue.Pop(), nullptr);
  for (uint32_t i = 0; i < this->kCapacity; ++i) this->Push(queue, static_cast<int>(i));
  EXPECT_EQ(queue.SizeHint(), this->kCapacity);
  EXPECT_EQ(this->Drain(queue), this->Sequence(0, this->kCapacity));
  EXPECT_TRUE(this->overflow_.empty());
}

// Where there are no thieves, also mixed with what expects some.
TYPED_TEST(StealQueueTest, PopAloneIsPop) {
  typename TestFixture::Queue queue;
  const int capacity = this->kCapacity;
  int pushed = 0;
  int popped = 0;
  for (int round = 0; round < 5 * capacity; ++round) {
    for (int i = 0; i <= round % capacity; ++i) this->Push(queue, pushed++ % 2048);
    for (int i = 0; i <= round % capacity; ++i) {
      Item* const item = i % 3 == 0 ? queue.Pop() : queue.PopAlone();
      ASSERT_NE(item, nullptr);
      ASSERT_EQ(item->value, popped++ % 2048);
    }
    ASSERT_EQ(queue.PopAlone(), nullptr);
    ASSERT_EQ(queue.SizeHint(), 0u);
  }
  EXPECT_TRUE(this->overflow_.empty());
  for (int i = 0; i <= capacity; ++i) this->Push(queue, i);
  EXPECT_EQ(queue.PopAlone()->value, capacity / 2);  // half has been handed out
}

TYPED_TEST(StealQueueTest, FullHandsOutTheOlderHalfAndTheNewOne) {
  typename TestFixture::Queue queue;
  const int capacity = this->kCapacity;
  for (int i = 0; i <= capacity; ++i) this->Push(queue, i);
  std::vector<int> expected = this->Sequence(0, capacity / 2);
  expected.push_back(capacity);
  EXPECT_EQ(this->overflow_, expected);
  EXPECT_EQ(this->Drain(queue), this->Sequence(capacity / 2, capacity));
}

TYPED_TEST(StealQueueTest, AThiefTakesHalfRoundedUp) {
  for (int size = 0; size <= static_cast<int>(this->kCapacity); ++size) {
    typename TestFixture::Queue victim;
    typename TestFixture::Queue thief;
    for (int i = 0; i < size; ++i) this->Push(victim, i);
    const int stolen = size - size / 2;
    Item* first = victim.StealInto(thief);
    if (size == 0) {
      EXPECT_EQ(first, nullptr);
      continue;
    }
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->value, stolen - 1);  // the youngest of them runs at once
    EXPECT_EQ(this->Drain(thief), this->Sequence(0, stolen - 1));
    EXPECT_EQ(this->Drain(victim), this->Sequence(stolen, size));
  }
}

TYPED_TEST(StealQueueTest, SlotsAreUsedAgainAndAgain) {
  typename TestFixture::Queue queue;
  typename TestFixture::Queue thief;
  int next = 0;
  for (int round = 0; round < 700; ++round) {
    this->Push(queue, (next + 0) % 2048);
    this->Push(queue, (next + 1) % 2048);
    this->Push(queue, (next + 2) % 2048);
    ASSERT_EQ(queue.StealInto(thief)->value, (next + 1) % 2048);
    ASSERT_EQ(thief.Pop()->value, next % 2048);
    ASSERT_EQ(queue.Pop()->value, (next + 2) % 2048);
    ASSERT_EQ(queue.Pop(), nullptr);
    next += 3;
  }
}

// One owner pushes, pops and overflows; thieves steal from it and from each other.
template <uint32_t kCapacity>
class Stress {
 public:
  explicit Stress(uint64_t seed) : seed_(seed), queues_(kThieves + 1), items_(kItems) {}

  void Run() {
    std::vector<std::thread> thieves;
    for (int i = 1; i <= kThieves; ++i) thieves.emplace_back([this, i] { Thief(i); });
    Owner();
    done_.store(true, std::memory_order_relaxed);
    for (std::thread& thief : thieves) thief.join();
    for (Queue& queue : queues_) {
      while (Item* item = queue.Pop()) Take(*item);
    }
    for (Item* item : overflow_) Take(*item);
    for (int i = 0; i < kItems; ++i) {
      ASSERT_EQ(items_[i].runs.load(), 1) << "item " << i;
      ASSERT_EQ(items_[i].value, i + 1);
    }
  }

 private:
  using Queue = StealQueue<Item, kCapacity>;
  static constexpr int kThieves = 3;
  static constexpr int kItems = 60000;

  void Owner() {
    Random random(seed_);
    for (int i = 0; i < kItems;) {
      for (uint64_t burst = Between(random, 1, 2 * kCapacity); burst > 0 && i < kItems; --burst) {
        items_[i].value = i;
        queues_[0].Push(&items_[i++], [this](std::span<Item* const> items) {
          overflow_.insert(overflow_.end(), items.begin(), items.end());
        });
      }
      for (uint64_t pops = Between(random, 0, kCapacity); pops > 0; --pops) {
        if (Item* item = queues_[0].Pop()) Take(*item);
      }
    }
  }

  void Thief(int self) {
    Random random(seed_ + self);
    while (!done_.load(std::memory_order_relaxed)) {
      const int victim = static_cast<int>(Between(random, 0, kThieves));
      if (victim == self) continue;
      if (Item* item = queues_[victim].StealInto(queues_[self])) Take(*item);
      while (Item* item = queues_[self].Pop()) Take(*item);
    }
  }

  static void Take(Item& item) {
    ++item.value;
    item.runs.fetch_add(1, std::memory_order_relaxed);
  }

  const uint64_t seed_;
  std::deque<Queue> queues_;
  std::deque<Item> items_;
  std::vector<Item*> overflow_;  // the owner's
  std::atomic<bool> done_{false};
};

TYPED_TEST(StealQueueTest, EveryTaskRunsOnceAmongThieves) {
  Stress<TestFixture::kCapacity>(Seed()).Run();
}

}  // namespace
}  // namespace sluice::core::testing
