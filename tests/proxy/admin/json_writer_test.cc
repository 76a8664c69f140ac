#include "proxy/admin/json_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::proxy {
namespace {

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  JsonWriter json;
  json.BeginObject();
  json.Field("a", 1);
  json.Key("list");
  json.BeginArray();
  json.BeginObject();
  json.EndObject();
  json.BeginArray();
  json.EndArray();
  json.Value("x");
  json.Null();
  json.EndArray();
  json.Field("b", true);
  json.Field("c", "y");
  json.Field("d", std::string("z"));
  json.Field("e", uint64_t{18446744073709551615u});
  json.Field("f", int64_t{-1});
  json.EndObject();
  EXPECT_EQ(std::move(json).Finish(),
            "{\"a\":1,\"list\":[{},[],\"x\",null],\"b\":true,\"c\":\"y\",\"d\":\"z\","
            "\"e\":18446744073709551615,\"f\":-1}\n");
}

TEST(JsonWriter, AnotherReaderUnderstandsAnyBytes) {
  std::string bytes;
  for (int c = 0; c < 128; ++c) bytes += static_cast<char>(c);
  JsonWriter json;
  json.BeginObject();
  json.Field(bytes, bytes);
  json.Field("not UTF-8", "\xff");
  json.EndObject();
  const nlohmann::json read = nlohmann::json::parse(std::move(json).Finish());
  EXPECT_EQ(read.at(bytes).get<std::string>(), bytes);
  EXPECT_EQ(read.at("not UTF-8").get<std::string>(), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace sluice::proxy
