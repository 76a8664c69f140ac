// The access log's lines, character by character.

#include <gtest/gtest.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/observe/access_log/cut_text.h"
#include "proxy/observe/access_log/record_json.h"
#include "proxy/observe/access_log/record_text.h"
#include "proxy/observe/access_log/record_units.h"

namespace sluice::proxy::testing {
namespace {

core::Address Ipv4Client() { return *core::Address::Parse("192.0.2.7:51514"); }

core::Address UnixClient(std::string_view path) {
  sockaddr_un client{};
  client.sun_family = AF_UNIX;
  std::memcpy(client.sun_path, path.data(), path.size());
  return core::Address(reinterpret_cast<const sockaddr*>(&client),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
}

constexpr std::string_view kFailed[] = {"a", "10.0.0.3:3000"};

// Everything happened.
SessionRecord FullRecord() {
  SessionRecord record;
  record.began_at += 1'767'225'599'000'123us;
  record.listener = "web";
  record.client = Ipv4Client();
  record.upstream = "app";
  record.endpoint = "10.0.0.1:3000";
  record.attempts = 2;
  record.queue = 0s;
  record.connect = 1'234'999ns;
  record.first_byte = 2'345'678ns;
  record.total = 3'723'004'005'006ns;
  record.bytes_up = 1204;
  record.bytes_down = 18'446'744'073'709'551'615u;
  record.reason = {Initiator::kUpstream, EndCause::kReset};
  record.error = ECONNRESET;
  record.client_path = {.known = true, .rtt_us = 812, .retransmits = 3};
  record.upstream_path = {.known = true, .rtt_us = 4'294'967'295u, .retransmits = 0};
  record.id = 4'294'967'297u;
  record.local = *core::Address::Parse("192.0.2.1:443");
  record.upstream_local = *core::Address::Parse("10.0.0.9:51000");
  record.failed = kFailed;
  return record;
}

// Nothing did.
SessionRecord EmptyRecord() {
  SessionRecord record;
  record.listener = "web";
  record.client = UnixClient("");
  record.upstream = "app";
  record.total = 999ns;
  record.reason = {Initiator::kProxy, EndCause::kNoUpstream};
  return record;
}

std::string Json(const SessionRecord& record) {
  std::string line;
  AppendJson(record, line);
  return line;
}

std::string Text(const SessionRecord& record) {
  std::string line;
  AppendText(record, line);
  return line;
}

std::string Time(std::chrono::microseconds since_1970) {
  std::string text;
  AppendTime(std::chrono::sys_time<std::chrono::microseconds>(since_1970), text);
  return text;
}

TEST(RecordUnitsTest, Times) {
  EXPECT_EQ(Time(0us), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(Time(1'709'251'199'999'999us), "2024-02-29T23:59:59.999999Z");
  EXPECT_EQ(Time(1'709'251'200'000'000us), "2024-03-01T00:00:00.000000Z");
  EXPECT_EQ(Time(4'107'542'399'000'001us), "2100-02-28T23:59:59.000001Z");
  EXPECT_EQ(Time(-1us), "1969-12-31T23:59:59.999999Z");
}

TEST(RecordUnitsTest, Millis) {
  for (const auto& [duration, expected] : {std::pair<core::Duration, const char*>{0s, "0.000"},
                                           {999ns, "0.000"},
                                           {1us, "0.001"},
                                           {999'999ns, "0.999"},
                                           {1ms, "1.000"},
                                           {86'400'012'345'678ns, "86400012.345"}}) {
    std::string text;
    AppendMillis(duration, text);
    EXPECT_EQ(text, expected);
  }
}

TEST(RecordJsonTest, FullRecord) {
  EXPECT_EQ(Json(FullRecord()),
            R"({"time":"2025-12-31T23:59:59.000123Z","listener":"web",)"
            R"("client":"192.0.2.7:51514","upstream":"app","endpoint":"10.0.0.1:3000",)"
            R"("attempts":2,"queue_ms":0.000,"connect_ms":1.234,"first_byte_ms":2.345,)"
            R"("total_ms":3723004.005,"bytes_up":1204,"bytes_down":18446744073709551615,)"
            R"("reason":"reset","by":"upstream","error":"ECONNRESET",)"
            R"("client_rtt_us":812,"client_retransmits":3,)"
            R"("upstream_rtt_us":4294967295,"upstream_retransmits":0,"id":4294967297,)"
            R"("local":"192.0.2.1:443","upstream_local":"10.0.0.9:51000",)"
            R"("failed":["a","10.0.0.3:3000"],"record":"end"})");
}

TEST(RecordJsonTest, EmptyRecord) {
  EXPECT_EQ(Json(EmptyRecord()),
            R"({"time":"1970-01-01T00:00:00.000000Z","listener":"web","client":"unix:",)"
            R"("upstream":"app","endpoint":null,"attempts":0,"queue_ms":null,"connect_ms":null,)"
            R"("first_byte_ms":null,"total_ms":0.000,"bytes_up":0,"bytes_down":0,)"
            R"("reason":"no_upstream","by":"proxy","client_rtt_us":null,)"
            R"("client_retransmits":null,"upstream_rtt_us":null,"upstream_retransmits":null,)"
            R"("id":null,"local":null,"upstream_local":null,"failed":[],"record":"end"})");
}

ProxyRecord FullProxy() {
  return {.peer = *core::Address::Parse("10.0.0.5:40000"),
          .source = *core::Address::Parse("192.0.2.7:51514"),
          .destination = *core::Address::Parse("192.0.2.1:443"),
          .alpn = "h2",
          .authority = "www.example.org",
          .unique_id = "a\"b\xff",
          .netns = "blue",
          .aws_vpce = "vpce-1",
          .azure_link = 7,
          .ssl_version = "TLSv1.3",
          .ssl_common_name = "al ice",
          .ssl_cipher = "AES",
          .ssl_verify = 0};
}

TEST(RecordJsonTest, WhatAProxyHeaderSays) {
  SessionRecord record = FullRecord();
  const std::string before = Json(record);
  ProxyRecord proxy = FullProxy();
  record.proxy = &proxy;
  EXPECT_EQ(Json(record),
            before.substr(0, before.size() - 1) +
                R"(,"peer":"10.0.0.5:40000","proxy_source":"192.0.2.7:51514",)"
                R"("proxy_destination":"192.0.2.1:443","proxy_alpn":"h2",)"
                R"("proxy_authority":"www.example.org","proxy_unique_id":"a\"b\\xff",)"
                R"("proxy_netns":"blue","proxy_aws_vpce":"vpce-1","proxy_ssl_version":"TLSv1.3",)"
                R"("proxy_ssl_cn":"al\\x20ice","proxy_ssl_cipher":"AES","proxy_azure_link":7,)"
                R"("proxy_ssl_verify":0})");
  proxy = {.peer = proxy.peer};
  EXPECT_EQ(Json(record),
            before.substr(0, before.size() - 1) +
                R"(,"peer":"10.0.0.5:40000","proxy_source":null,"proxy_destination":null})");
  record.proxy = nullptr;
  record.unique_id = "7-1";
  record.rule = "deny 10.0.0.0/8 (a list:7)";
  EXPECT_EQ(Json(record), before.substr(0, before.size() - 1) +
                              R"x(,"unique_id":"7-1","rule":"deny 10.0.0.0/8 (a list:7)"})x");
}

// `whole` with `more` before the keys that came later.
std::string Before(std::string whole, std::string_view key, const std::string& more) {
  return whole.insert(whole.find(key), more);
}

TEST(RecordJsonTest, WhatAResetHasCut) {
  SessionRecord record = FullRecord();
  const std::string whole = Json(record);
  record.undelivered_down = 70'000;
  EXPECT_EQ(Json(record),
            Before(whole, R"(,"id":)", R"(,"undelivered_up":0,"undelivered_down":70000)"));
}

TEST(RecordTextTest, WhatAResetHasCut) {
  SessionRecord record = FullRecord();
  const std::string whole = Text(record);
  record.undelivered_up = 3;
  EXPECT_EQ(Text(record), Before(whole, " id=", " 3/0"));
}

TEST(RecordJsonTest, OneThatLivesOnHasNoReason) {
  SessionRecord record = FullRecord();
  record.kind = RecordKind::kInterim;
  const auto json = nlohmann::json::parse(Json(record));
  EXPECT_TRUE(json["reason"].is_null());
  EXPECT_TRUE(json["by"].is_null());
  EXPECT_EQ(json["record"], "interim");
  EXPECT_NE(Text(record).find(" -/- "), std::string::npos) << Text(record);
  EXPECT_TRUE(Text(record).ends_with(" record=interim")) << Text(record);
}

TEST(RecordJsonTest, OneThatWasRejectedHasTheLimit) {
  SessionRecord record;
  record.kind = RecordKind::kRejected;
  record.listener = "web";
  record.upstream = "app";
  record.client = Ipv4Client();
  record.rejection = Rejection::kSource;
  const auto json = nlohmann::json::parse(Json(record));
  EXPECT_EQ(json["reason"], "source");
  EXPECT_EQ(json["by"], "proxy");
  EXPECT_EQ(json["record"], "rejected");
  EXPECT_TRUE(json["total_ms"].is_null());
  EXPECT_NE(Text(record).find(" proxy/source "), std::string::npos) << Text(record);
}

TEST(RecordJsonTest, ReadBack) {
  const auto json = nlohmann::json::parse(Json(FullRecord()));
  EXPECT_EQ(json.size(), 24u);
  EXPECT_EQ(json["bytes_down"].get<uint64_t>(), 18'446'744'073'709'551'615u);
  EXPECT_DOUBLE_EQ(json["total_ms"].get<double>(), 3723004.005);
  EXPECT_EQ(json["upstream_rtt_us"].get<uint64_t>(), 4'294'967'295u);
}

TEST(RecordJsonTest, OddClientAddress) {
  SessionRecord record = EmptyRecord();
  record.client = UnixClient("/run/a b\"\\\n\x01\xff\xc3\xa4");
  const std::string line = Json(record);
  EXPECT_NE(line.find(R"("client":"unix:/run/a b\"\\\u000a\u0001\ufffd)"
                      "\xc3\xa4\""),
            std::string::npos)
      << line;
  EXPECT_EQ(nlohmann::json::parse(line)["client"], "unix:/run/a b\"\\\n\x01\xef\xbf\xbd\xc3\xa4");
  record.client = UnixClient(std::string_view("\0abstract\0\xfe", 11));
  EXPECT_EQ(nlohmann::json::parse(Json(record))["client"],
            std::string("unix:@abstract\0\xef\xbf\xbd", 18));
}

TEST(RecordJsonTest, AnErrorWithoutANameIsANumber) {
  SessionRecord record = EmptyRecord();
  record.error = 4095;
  EXPECT_EQ(nlohmann::json::parse(Json(record))["error"], "4095");
}

TEST(RecordTextTest, FullRecord) {
  EXPECT_EQ(Text(FullRecord()),
            "192.0.2.7:51514 [2025-12-31T23:59:59.000123Z] web app/10.0.0.1:3000 2 "
            "0.000/1.234/2.345/3723004.005 1204/18446744073709551615 upstream/reset "
            "812/4294967295 3/0 id=4294967297 local=192.0.2.1:443 upstream_local=10.0.0.9:51000 "
            "failed=a,10.0.0.3:3000 record=end");
}

// What a client has said is of any bytes, and does not break the line.
SessionRecord RoutedRecord() {
  SessionRecord record = FullRecord();
  record.route = "*.example.org";
  record.sni = "a.example.org";
  record.alpn =
      "\x02h2\x08"
      "a,b\\ \n\"\xFF";
  return record;
}

TEST(RecordTextTest, WhereItWasRouted) {
  const std::string plain = Text(FullRecord());
  EXPECT_EQ(plain.find("route="), plain.npos);
  EXPECT_EQ(Text(RoutedRecord()),
            plain + " route=*.example.org sni=a.example.org alpn=h2,a\\x2cb\\\\\\x20\\x0a\"\\xff");
  SessionRecord by_default = FullRecord();
  by_default.route = "default";
  EXPECT_EQ(Text(by_default), plain + " route=default sni=- alpn=-");
}

TEST(RecordJsonTest, WhereItWasRouted) {
  EXPECT_FALSE(nlohmann::json::parse(Json(FullRecord())).contains("route"));
  const nlohmann::json routed = nlohmann::json::parse(Json(RoutedRecord()));
  EXPECT_EQ(routed["route"], "*.example.org");
  EXPECT_EQ(routed["sni"], "a.example.org");
  EXPECT_EQ(routed["alpn"], "h2,a\\x2cb\\\\\\x20\\x0a\"\\xff") << "as in the text";
  SessionRecord without = RoutedRecord();
  without.alpn = {};
  EXPECT_TRUE(nlohmann::json::parse(Json(without))["alpn"].is_null());
}

// What peers choose is at its worst, and all else as long as it gets.
class WorstRecord {
 public:
  WorstRecord() {
    const core::Address peer = UnixClient(std::string("\0", 1) + std::string(107, '\x01'));
    record.began_at += 1'767'225'599'000'123us;
    record.listener = record.upstream = record.endpoint = name_;
    record.client = proxy_.peer = proxy_.source = proxy_.destination = peer;
    record.local = *core::Address::Parse("unix:/" + std::string(106, 'l'));
    record.upstream_local = *core::Address::Parse("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    record.attempts = UINT32_MAX;
    record.queue = record.connect = record.first_byte = record.total = core::Duration::max();
    record.bytes_up = record.bytes_down = record.id = UINT64_MAX;
    record.undelivered_up = record.undelivered_down = UINT64_MAX;
    record.reason = {Initiator::kUpstream, EndCause::kProxyProtocolTimeout};
    record.error = EPROTONOSUPPORT;
    record.client_path =
        record.upstream_path = {.known = true, .rtt_us = UINT32_MAX, .retransmits = UINT32_MAX};
    record.failed = failed_;
    record.route = record.sni = server_;
    record.alpn = alpn_;
    proxy_.alpn = proxy_.authority = proxy_.unique_id = proxy_.netns = proxy_.aws_vpce = tlv_;
    proxy_.ssl_version = proxy_.ssl_common_name = proxy_.ssl_cipher = tlv_;
    proxy_.azure_link = proxy_.ssl_verify = UINT32_MAX;
    record.proxy = &proxy_;
    record.unique_id = id_;
  }
  WorstRecord(const WorstRecord&) = delete;
  WorstRecord& operator=(const WorstRecord&) = delete;

  SessionRecord record;

 private:
  const std::string name_ = std::string(63, 'n');
  const std::vector<std::string_view> failed_ = std::vector<std::string_view>(16, name_);
  const std::string server_ = std::string(255, 's');
  // Four protocols of 255 bytes.
  const std::string one_ = "\xFF" + std::string(255, '\x01');
  const std::string alpn_ = one_ + one_ + one_ + one_;
  const std::string tlv_ = std::string(500, '\x01');
  const std::string id_ = std::string(41, 'i');
  ProxyRecord proxy_;
};

TEST(RecordTest, APipeTakesTheLongestWhole) {
  const WorstRecord worst;
  EXPECT_LT(Text(worst.record).size() + 1, size_t{PIPE_BUF}) << Text(worst.record);
  EXPECT_LT(Json(worst.record).size() + 1, size_t{PIPE_BUF}) << Json(worst.record);
  const nlohmann::json json = nlohmann::json::parse(Json(worst.record));
  for (const char* key : {"client", "peer", "proxy_source", "proxy_destination", "alpn",
                          "proxy_alpn", "proxy_authority", "proxy_unique_id", "proxy_ssl_cipher"}) {
    EXPECT_TRUE(json[key].get<std::string>().ends_with(kCutMark)) << key << ": " << json[key];
  }
}

TEST(RecordTest, WhatFitsIsNotCut) {
  const std::string plain(kMostAlpnText, 'a');
  EXPECT_EQ(ProtocolNames("\x80" + plain), plain);
  EXPECT_EQ(ProtocolNames("\x81" + plain + "a"), plain.substr(3) + "...");
  EXPECT_EQ(ProtocolNames(""), "");
  EXPECT_EQ(CutName("", 8), "-");
  EXPECT_EQ(CutName("12345678", 8), "12345678");
  EXPECT_EQ(CutName("123456789", 8), "12345...");
  EXPECT_EQ(CutName("1234\n6789", 8), "1234...") << "what is escaped is kept whole";
  EXPECT_EQ(CutName("12345", 2), "...");
  // The longest path that a UNIX socket has.
  SessionRecord record = EmptyRecord();
  const std::string path = "/" + std::string(106, 'p');
  record.client = UnixClient(path);
  EXPECT_TRUE(Text(record).starts_with("unix:" + path + " [")) << Text(record);
  EXPECT_EQ(nlohmann::json::parse(Json(record))["client"], "unix:" + path);
}

TEST(RecordTextTest, EmptyRecord) {
  EXPECT_EQ(Text(EmptyRecord()),
            "unix: [1970-01-01T00:00:00.000000Z] web app/- 0 -/-/-/0.000 0/0 "
            "proxy/no_upstream -/- -/- id=- local=- upstream_local=- failed=- record=end");
}

TEST(RecordTextTest, WhatAProxyHeaderSays) {
  SessionRecord record = FullRecord();
  const std::string before = Text(record);
  ProxyRecord proxy = FullProxy();
  record.proxy = &proxy;
  EXPECT_EQ(Text(record),
            before +
                " peer=10.0.0.5:40000 proxy_source=192.0.2.7:51514"
                " proxy_destination=192.0.2.1:443 proxy_alpn=h2 proxy_authority=www.example.org"
                " proxy_unique_id=a\"b\\xff proxy_netns=blue proxy_aws_vpce=vpce-1"
                " proxy_ssl_version=TLSv1.3 proxy_ssl_cn=al\\x20ice proxy_ssl_cipher=AES"
                " proxy_azure_link=7 proxy_ssl_verify=0");
  proxy = {.peer = proxy.peer};
  EXPECT_EQ(Text(record), before + " peer=10.0.0.5:40000 proxy_source=- proxy_destination=-");
  record.proxy = nullptr;
  record.unique_id = "7-1";
  record.rule = "deny 10.0.0.0/8 (a list:7)";
  EXPECT_EQ(Text(record), before + " unique_id=7-1 rule=deny\\x2010.0.0.0/8\\x20(a\\x20list:7)");
}

TEST(RecordTextTest, OneSideOnly) {
  SessionRecord record = EmptyRecord();
  record.upstream_path = {.known = true, .rtt_us = 95, .retransmits = 7};
  const std::string line = Text(record);
  EXPECT_EQ(line.substr(line.find("upstream ") + 9).rfind("-/95 -/7 id=", 0), 0u) << line;
}

TEST(RecordTextTest, OddClientAddress) {
  SessionRecord record = EmptyRecord();
  record.client = UnixClient("/run/a b\\\n\x7f\xff");
  EXPECT_EQ(Text(record).rfind(R"(unix:/run/a\x20b\\\x0a\x7f\xff [1970)", 0), 0u) << Text(record);
}

}  // namespace
}  // namespace sluice::proxy::testing
