#include "core/base/intrusive_ptr.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::core {
namespace {

struct Base : RefCounted {
  explicit Base(int& ended) : ended(ended) {}
  ~Base() override { ++ended; }
  int& ended;
};

struct Derived final : Base {
  Derived(int& ended, int value) : Base(ended), value(value) {}
  const int value;
};

TEST(IntrusivePtr, TheObjectGoesWithItsLastReference) {
  int ended = 0;
  IntrusivePtr<Derived> first = MakeRef<Derived>(ended, 7);
  EXPECT_EQ(first->refs(), 1u);
  IntrusivePtr<Derived> second = first;
  EXPECT_EQ(first->refs(), 2u);
  EXPECT_EQ(first, second);
  first = IntrusivePtr<Derived>();
  EXPECT_FALSE(first);
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(second->value, 7);
  second = IntrusivePtr<Derived>();
  EXPECT_EQ(ended, 1);
}

TEST(IntrusivePtr, ItselfAndWhatWasMovedFrom) {
  int ended = 0;
  IntrusivePtr<Derived> object = MakeRef<Derived>(ended, 1);
  const IntrusivePtr<Derived>& same = object;
  object = same;
  EXPECT_EQ(object->refs(), 1u);
  IntrusivePtr<Derived> moved = std::move(object);
  EXPECT_EQ(moved->refs(), 1u);
  EXPECT_EQ(ended, 0);
}

TEST(IntrusivePtr, OfABaseAndOfAConstObject) {
  int ended = 0;
  IntrusivePtr<const Base> base = MakeRef<Derived>(ended, 3);
  EXPECT_EQ(base->refs(), 1u);
  IntrusivePtr<const Base> copy(base.get());
  EXPECT_EQ(base->refs(), 2u);
  base = IntrusivePtr<const Base>();
  copy = IntrusivePtr<const Base>();
  EXPECT_EQ(ended, 1);
}

TEST(IntrusivePtr, CountsAcrossThreads) {
  int ended = 0;
  {
    IntrusivePtr<const Base> object = MakeRef<Derived>(ended, 5);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([object] {
        for (int i = 0; i < 20000; ++i) IntrusivePtr<const Base> copy = object;
      });
    }
    object = IntrusivePtr<const Base>();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace sluice::core
