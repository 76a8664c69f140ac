// IoResult.

#include "core/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace sluice::core {
namespace {

// Cannot be made from nothing.
struct Named {
  explicit Named(std::string name) : name(std::move(name)) {}
  std::string name;
};

TEST(IoResultTest, HasAValueOrAnError) {
  IoResult<std::string> line(std::string("one"));
  EXPECT_TRUE(line.ok());
  EXPECT_EQ(line.error(), 0);
  EXPECT_EQ(*line, "one");
  line->append("s");
  EXPECT_EQ(*line, "ones");
  line = IoError(EPIPE);
  EXPECT_FALSE(line.ok());
  EXPECT_EQ(line.error(), EPIPE);

  IoResult<std::unique_ptr<int>> moved(std::make_unique<int>(3));
  EXPECT_EQ(*std::move(*moved), 3);
}

TEST(IoResultTest, AConstantCanBeRead) {
  const IoResult<std::string> line(std::string("one"));
  EXPECT_EQ(*line, "one");
  EXPECT_EQ(line->size(), 3u);
  static_assert(std::is_same_v<decltype(*line), const std::string&>);
  const IoResult<Named> named(Named("two"));
  EXPECT_EQ(named->name, "two");
}

TEST(IoResultTest, ThereIsNoValueOfAnError) {
  IoResult<Named> none = IoError(EPIPE);
  EXPECT_DEATH((void)*none, "there is no value: ask ok\\(\\) before");
  EXPECT_DEATH((void)none->name.size(), "there is no value: ask ok\\(\\) before");
}

// A read of 0 bytes is a value: a loop that asked it as a bool would not end there.
static_assert(!std::is_constructible_v<bool, IoResult<size_t>>);
static_assert(sizeof(IoResult<size_t>) == 2 * sizeof(void*));

}  // namespace
}  // namespace sluice::core
