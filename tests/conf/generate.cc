#include "tests/conf/generate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/schema/schema.h"
#include "conf/schema/shape.h"

namespace sluice::conf::testing {
namespace {

// Fills in a configuration, whatever keys the schema has. It need not pass validation: several
// listeners may have one name.
class Filler : public Visitor {
 public:
  explicit Filler(std::mt19937_64& random) : random_(random) {}

  void Field(std::string_view, const Shape& shape, Presence) override { Fill(shape); }

 private:
  void Fill(const Shape& shape) {
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      Fill(*scalar);
    } else if (const auto* map = std::get_if<Map>(&shape)) {
      map->fields(*this);
    } else {
      const auto& list = std::get<List>(shape);
      for (uint64_t count = random_() % 4; count > 0; --count) {
        list.add();
        Fill(list.item(list.size() - 1));
      }
    }
  }

  void Fill(const Scalar& scalar) {
    const std::string before = scalar.format();
    std::vector<std::string> taken;
    for (const char* text : kTexts) {
      if (scalar.parse(text).ok()) taken.emplace_back(text);
    }
    EXPECT_FALSE(taken.empty()) << scalar.allowed;
    if (!taken.empty()) EXPECT_TRUE(scalar.parse(taken[random_() % taken.size()]).ok());
    const bool keeps = random_() % 2 == 0 && !before.empty();
    if (keeps) EXPECT_TRUE(scalar.parse(before).ok()) << before;
  }

  std::mt19937_64& random_;
};

}  // namespace

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

Config Generate(std::mt19937_64& random) {
  Config config;
  Filler filler(random);
  Describe(config).fields(filler);
  return config;
}

}  // namespace sluice::conf::testing
