// Lists of endpoints: what is taken, and what is said, with its place, of all else.
#include "conf/endpoint_list.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice::conf {
namespace {

std::string ErrorsOf(std::string_view text) {
  std::string lines;
  for (const Error& error : ReadEndpointList(text, "l.json").errors) {
    lines += FormatError(error) + "\n";
  }
  return lines;
}

TEST(EndpointListTest, HasAllKeys) {
  const EndpointList list = ReadEndpointList(R"([
    {"address": "10.0.0.1:80", "name": "a", "weight": 3, "max_connections": 7, "priority": 2,
     "state": "drain"},
    {"address": "unix:/run/x"},
    {"state": "maintenance", "address": "[::1]:80"}])",
                                             "l.json");
  ASSERT_TRUE(list.ok()) << ErrorsOf("");
  ASSERT_EQ(list.endpoints.size(), 3u);
  EXPECT_EQ(list.endpoints[0], (Endpoint{.address = *core::Address::Parse("10.0.0.1:80"),
                                         .weight = 3,
                                         .max_connections = 7,
                                         .priority = 2,
                                         .name = "a",
                                         .state = EndpointState::kDrain}));
  EXPECT_EQ(list.endpoints[1], Endpoint{.address = *core::Address::Parse("unix:/run/x")});
  EXPECT_EQ(list.endpoints[2].state, EndpointState::kMaintenance);
}

TEST(EndpointListTest, NoEndpointsAndNoList) {
  EXPECT_TRUE(ReadEndpointList("[]", "l").ok());
  EXPECT_TRUE(ReadEndpointList("\xEF\xBB\xBF []\n", "l").ok());
  for (const std::string_view blank : {"", " \n\t\r\n", "\xEF\xBB\xBF"}) {
    const EndpointList list = ReadEndpointList(blank, "l");
    EXPECT_TRUE(list.is_blank);
    EXPECT_FALSE(list.ok());
    EXPECT_TRUE(list.errors.empty());
  }
}

TEST(EndpointListTest, SaysWhereItIsWrong) {
  EXPECT_EQ(ErrorsOf("[\n  {\"address\": \"10.0.0.1\"}\n]"),
            "l.json:2:15: error: address: \"10.0.0.1\" has no port; allowed: 1.2.3.4:80, [::1]:80, "
            "unix:/path or unix:@name (port 1 to 65535)\n");
  EXPECT_EQ(ErrorsOf("[{\"address\":\"10.0.0.1:80\",\"weight\":257},\n {\"weight\":1}]"),
            "l.json:1:36: error: weight: \"257\" is outside the range; allowed: 0 to 256\n"
            "l.json:2:2: error: the required key \"address\" is missing\n");
  EXPECT_EQ(
      ErrorsOf("[{\"address\":\"10.0.0.1:80\",\n\"adress\":1, \"state\":\"up\"}]"),
      "l.json:2:1: error: unknown key \"adress\"; did you mean \"address\"? Allowed: address, "
      "name, weight, max_connections, priority, state\n"
      "l.json:2:21: error: state: \"up\" is not one of the words that are allowed here; allowed: "
      "ready, drain, "
      "maintenance\n");
}

TEST(EndpointListTest, SaysWhatHasTheWrongKind) {
  EXPECT_EQ(ErrorsOf("{\"address\":\"10.0.0.1:80\"}"),
            "l.json:1:1: error: a list of endpoints is needed, not an object\n");
  EXPECT_EQ(ErrorsOf("7"), "l.json:1:1: error: a list of endpoints is needed, not a number\n");
  EXPECT_EQ(ErrorsOf("[ \"10.0.0.1:80\" ]"),
            "l.json:1:3: error: an object with the keys of an endpoint is needed, not a text\n");
  EXPECT_EQ(ErrorsOf("[{\"address\":\"10.0.0.1:80\",\"weight\":\"1\"}]"),
            "l.json:1:36: error: a number is needed, not \"1\"; allowed: 0 to 256\n");
  EXPECT_EQ(ErrorsOf("[{\"address\":80}]"),
            "l.json:1:13: error: a text in quotes is needed, not 80; allowed: 1.2.3.4:80, "
            "[::1]:80, unix:/path or unix:@name (port 1 to 65535)\n");
  EXPECT_EQ(ErrorsOf("[{\"address\":null}]"),
            "l.json:1:13: error: \"address\" cannot be nothing (null); allowed: 1.2.3.4:80, "
            "[::1]:80, unix:/path or unix:@name (port 1 to 65535)\n");
  EXPECT_EQ(ErrorsOf("[{\"address\":[[[]]]}]"),
            "l.json:1:13: error: \"address\" cannot be a list\n");
}

TEST(EndpointListTest, SaysWhatIsThereTwice) {
  EXPECT_EQ(ErrorsOf("[{\"address\":\"10.0.0.1:80\",\"name\":\"a\"},\n"
                     " {\"address\":\"10.0.0.2:80\",\"name\":\"a\"}]"),
            "l.json:2:2: error: name: \"a\" is here for the second time; the first is at 1:2\n");
  EXPECT_EQ(ErrorsOf("[{\"address\":\"10.0.0.1:80\",\"address\":\"10.0.0.1:80\"}]"),
            "l.json:1:27: error: the key \"address\" is here for the second time\n");
}

TEST(EndpointListTest, SaysWhereItIsNoJson) {
  const std::string cut = ErrorsOf("[\n {\"address\": \"10.0.0.1:80\"");
  EXPECT_TRUE(cut.starts_with("l.json:2:27: error: this is not JSON: ")) << cut;
  const std::string bad = ErrorsOf("[ nope ]");
  EXPECT_TRUE(bad.starts_with("l.json:1:")) << bad;
  const std::string after = ErrorsOf("[] []");
  EXPECT_TRUE(after.starts_with("l.json:1:4: error: this is not JSON: ")) << after;
}

TEST(EndpointListTest, HasBounds) {
  std::string text = "[";
  for (size_t i = 0; i <= kMostListed; ++i) text += "{\"address\":\"10.0.0.1:80\"},\n";
  text.replace(text.size() - 2, 2, "]");
  EXPECT_EQ(ErrorsOf(text),
            "l.json:10001:1: error: there are more endpoints than the limit of "
            "10000\n");
  text = "[" + text.substr(text.find('\n') + 1);
  const EndpointList list = ReadEndpointList(text, "l");
  EXPECT_TRUE(list.ok());
  EXPECT_EQ(list.endpoints.size(), kMostListed);
  EXPECT_EQ(ErrorsOf(std::string(kMostListBytes + 1, ' ')),
            "l.json: the file is larger than the limit of 2097152 bytes\n");
  std::string many = "[";
  for (int i = 0; i < 100; ++i) many += "{},";
  EXPECT_EQ(ReadEndpointList(many, "l").errors.size(), 20u);
}

}  // namespace
}  // namespace sluice::conf
