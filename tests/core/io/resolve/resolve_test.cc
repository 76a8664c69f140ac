// Names, asked for over real sockets of servers that answer, fail, lie or are silent.
#include "core/io/resolve/resolve.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "tests/core/io/resolve/name_server.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

using Texts = std::vector<std::string>;

Texts Hosts(const ResolvedHost& host) {
  Texts texts;
  for (const Address& address : host.addresses) texts.push_back(address.HostToString());
  return texts;
}

std::string Addresses(const Question& question, const std::vector<const char*>& addresses,
                      uint32_t ttl = 60) {
  std::vector<RecordOnWire> records;
  for (const char* each : addresses) {
    const bool is_ipv6 = std::string_view(each).find(':') != std::string_view::npos;
    if (is_ipv6 != (question.type == DnsType::kAaaa)) continue;
    records.push_back({kOwnerOfQuestion, question.type, ttl, HostData(each)});
  }
  return AnswerOnWire(question.message, kPlain, records);
}

size_t OpenDescriptors() {
  size_t open = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++open;
  closedir(folder);
  return open;
}

class ResolveTest : public BackendTest {
 protected:
  static ResolveOptions Of(const NameServer& server) {
    ResolveOptions options;
    options.servers = {server.address()};
    options.timeout = 5s;
    options.hosts_file = "";
    return options;
  }
  template <typename T>
  static T Run(Task<T> task) {
    Runtime runtime(Options());
    return runtime.BlockOn(std::move(task));
  }
};
SLUICE_ON_EVERY_BACKEND(ResolveTest);

TEST_P(ResolveTest, AsksForBothFamilies) {
  const NameServer server([](const Question& question) {
    return Addresses(question, {"10.0.0.2", "10.0.0.1", "fd00::1", "10.0.0.2"}, 30);
  });
  const auto host = Run(Resolve("app.internal", Of(server)));
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(Hosts(*host), (Texts{"10.0.0.1", "10.0.0.2", "fd00::1"})) << "sorted, each once";
  EXPECT_EQ(host->ttl, 30s);
  EXPECT_FALSE(host->lacks_ipv4 || host->lacks_ipv6);
  EXPECT_EQ(server.questions(), 2);
}

TEST_P(ResolveTest, AsksForOneFamily) {
  const NameServer server(
      [](const Question& question) { return Addresses(question, {"10.0.0.1", "fd00::1"}); });
  ResolveOptions options = Of(server);
  options.family = ResolveFamily::kIpv6;
  const auto host = Run(Resolve("app.internal", options));
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(Hosts(*host), Texts{"fd00::1"});
  EXPECT_EQ(server.questions(), 1);
}

TEST_P(ResolveTest, AsksNobodyForWhatIsKnown) {
  const NameServer server([](const Question&) { return ""; });
  const std::string path = ::testing::TempDir() + "/hosts";
  std::FILE* const file = std::fopen(path.c_str(), "w");
  std::fputs("10.0.0.9 known.internal\nfd00::9 known.internal\n", file);
  std::fclose(file);
  ResolveOptions options = Of(server);
  options.hosts_file = path;
  const auto host = Run(Resolve("known.internal", options));
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(Hosts(*host), (Texts{"10.0.0.9", "fd00::9"}));
  const auto local = Run(Resolve("localhost", options));
  ASSERT_TRUE(local.ok()) << local.status();
  EXPECT_EQ(Hosts(*local), (Texts{"127.0.0.1", "::1"}));
  const auto address = Run(Resolve("10.1.2.3", options));
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(Hosts(*address), Texts{"10.1.2.3"});
  EXPECT_TRUE(absl::IsInvalidArgument(Run(Resolve("a b", options)).status()));
  EXPECT_EQ(server.questions(), 0);
}

// 200 addresses are more than a datagram takes.
TEST_P(ResolveTest, AsksOverTcpForWhatIsCutShort) {
  const NameServer server([](const Question& question) {
    std::vector<RecordOnWire> records;
    if (!question.over_tcp) return AnswerOnWire(question.message, kTruncated, records);
    for (int i = 0; i < 200; ++i) {
      const std::string address = "10.0.1." + std::to_string(i);
      records.push_back({kOwnerOfQuestion, DnsType::kA, 7, HostData(address.c_str())});
    }
    return AnswerOnWire(question.message, kPlain, records);
  });
  ResolveOptions options = Of(server);
  options.family = ResolveFamily::kIpv4;
  const auto host = Run(Resolve("app.internal", options));
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(host->addresses.size(), 200u);
  EXPECT_EQ(server.questions(), 2);
}

TEST_P(ResolveTest, TellsWhatIsNotThereFromWhatIsNotKnown) {
  std::map<std::string, uint16_t> flags = {
      {"nx.internal", kNxDomain}, {"fail.internal", kServFail}, {"refused.internal", kRefused}};
  const NameServer server([&flags](const Question& question) {
    const auto found = flags.find(question.name);
    return AnswerOnWire(question.message, found == flags.end() ? kPlain : found->second, {});
  });
  EXPECT_TRUE(absl::IsNotFound(Run(Resolve("nx.internal", Of(server))).status()));
  EXPECT_TRUE(absl::IsNotFound(Run(Resolve("empty.internal", Of(server))).status()));
  EXPECT_TRUE(absl::IsUnavailable(Run(Resolve("fail.internal", Of(server))).status()));
  EXPECT_TRUE(absl::IsUnavailable(Run(Resolve("refused.internal", Of(server))).status()));
}

TEST_P(ResolveTest, SaysWhichFamilyIsNotKnown) {
  const NameServer server([](const Question& question) {
    if (question.type == DnsType::kAaaa) return AnswerOnWire(question.message, kServFail, {});
    return Addresses(question, {"10.0.0.1"});
  });
  const auto host = Run(Resolve("app.internal", Of(server)));
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(Hosts(*host), Texts{"10.0.0.1"});
  EXPECT_TRUE(host->lacks_ipv6);
  EXPECT_FALSE(host->lacks_ipv4);
}

TEST_P(ResolveTest, DoesNotTakeAnswersToOtherQuestions) {
  const NameServer server([](const Question& question) {
    std::string wrong = Addresses(question, {"10.6.6.6"});
    wrong[0] = static_cast<char>(wrong[0] + 1);
    return wrong;
  });
  ResolveOptions options = Of(server);
  options.timeout = 50ms;
  options.family = ResolveFamily::kIpv4;
  EXPECT_TRUE(absl::IsUnavailable(Run(Resolve("app.internal", options)).status()));
  EXPECT_GE(server.questions(), 2) << "it asks again";
}

TEST_P(ResolveTest, AsksTheNextServer) {
  const NameServer silent([](const Question&) { return ""; });
  const NameServer failing(
      [](const Question& question) { return AnswerOnWire(question.message, kServFail, {}); });
  const NameServer good([](const Question& question) { return Addresses(question, {"10.0.0.1"}); });
  ResolveOptions options = Of(silent);
  options.servers = {failing.address(), silent.address(), good.address()};
  options.timeout = 50ms;
  options.family = ResolveFamily::kIpv4;
  const auto host = Run(Resolve("app.internal", options));
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(Hosts(*host), Texts{"10.0.0.1"});
}

TEST_P(ResolveTest, BrokenAnswersAreNone) {
  const NameServer server([](const Question& question) {
    return AnswerOnWire(question.message, kPlain, {{kOwnerOfQuestion, DnsType::kA, 1, "12345"}});
  });
  ResolveOptions options = Of(server);
  options.family = ResolveFamily::kIpv4;
  EXPECT_TRUE(absl::IsUnavailable(Run(Resolve("app.internal", options)).status()));
}

// Cancelled while it waits for a server that never answers: at once, and nothing stays open.
Task<absl::Status> GiveUp(ResolveOptions options) {
  auto outcome = co_await Select(Named<"host">(Resolve("app.internal", std::move(options))),
                                 Named<"time">(Sleep(20ms)));
  EXPECT_TRUE(outcome.Won<"time">());
  co_return outcome.Get<"host">().status();
}

TEST_P(ResolveTest, GivesUpAtOnce) {
  const NameServer server([](const Question&) { return ""; });
  ResolveOptions options = Of(server);
  options.timeout = 1min;
  EXPECT_TRUE(absl::IsCancelled(Run(GiveUp(options))));
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(absl::IsCancelled(Run(GiveUp(options))));
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_P(ResolveTest, ResolvesTheServersOfAService) {
  const NameServer server([](const Question& question) {
    if (question.type == DnsType::kSrv) {
      return AnswerOnWire(
          question.message, kPlain,
          {{kOwnerOfQuestion, DnsType::kSrv, 40, ServiceData(1, 5, 3001, "two.x")},
           {kOwnerOfQuestion, DnsType::kSrv, 50, ServiceData(0, 9, 3000, "one.x")},
           {kOwnerOfQuestion, DnsType::kSrv, 50, ServiceData(0, 9, 3000, "gone.x")}});
    }
    if (question.name == "one.x") return Addresses(question, {"10.0.0.1", "fd00::1"}, 30);
    if (question.name == "two.x") return Addresses(question, {"10.0.0.2"}, 20);
    return AnswerOnWire(question.message, kNxDomain, {});
  });
  const auto service = Run(ResolveService("_app._tcp.x", Of(server)));
  ASSERT_TRUE(service.ok()) << service.status();
  ASSERT_EQ(service->targets.size(), 2u) << "one has no address";
  EXPECT_EQ(service->targets[0].host, "one.x");
  EXPECT_EQ(service->targets[0].weight, 9);
  ASSERT_EQ(service->targets[0].addresses.size(), 2u);
  EXPECT_EQ(service->targets[0].addresses[0].ToString(), "10.0.0.1:3000");
  EXPECT_EQ(service->targets[1].addresses[0].ToString(), "10.0.0.2:3001");
  EXPECT_EQ(service->targets[1].priority, 1);
  EXPECT_EQ(service->ttl, 20s);
}

TEST_P(ResolveTest, SaysWhichFamilyOfAServerIsNotKnown) {
  const NameServer server([](const Question& question) {
    if (question.type == DnsType::kSrv) {
      return AnswerOnWire(
          question.message, kPlain,
          {{kOwnerOfQuestion, DnsType::kSrv, 40, ServiceData(0, 5, 3001, "one.x")}});
    }
    if (question.type == DnsType::kAaaa) return AnswerOnWire(question.message, kRefused, {});
    return Addresses(question, {"10.0.0.1"});
  });
  const auto service = Run(ResolveService("_app._tcp.x", Of(server)));
  ASSERT_TRUE(service.ok()) << service.status();
  EXPECT_EQ(service->targets[0].addresses[0].ToString(), "10.0.0.1:3001");
  EXPECT_TRUE(service->targets[0].lacks_ipv6);
  EXPECT_FALSE(service->targets[0].lacks_ipv4);
}

TEST_P(ResolveTest, AServiceIsKnownAsAWholeOrNot) {
  const NameServer server([](const Question& question) {
    if (question.type == DnsType::kSrv) {
      return AnswerOnWire(
          question.message, kPlain,
          {{kOwnerOfQuestion, DnsType::kSrv, 40, ServiceData(0, 5, 3001, "two.x")},
           {kOwnerOfQuestion, DnsType::kSrv, 50, ServiceData(0, 9, 3000, "one.x")}});
    }
    if (question.name == "one.x") return Addresses(question, {"10.0.0.1"});
    return AnswerOnWire(question.message, kServFail, {});
  });
  EXPECT_TRUE(absl::IsUnavailable(Run(ResolveService("_app._tcp.x", Of(server))).status()));
}

// A name server that lies: each server is asked for, and all of their addresses are counted.
TEST_P(ResolveTest, AServiceOfTooManyAddressesIsNotKept) {
  constexpr size_t kEach = 100;
  const NameServer server([](const Question& question) {
    if (!question.over_tcp) return AnswerOnWire(question.message, kTruncated, {});
    if (question.type == DnsType::kAaaa) return AnswerOnWire(question.message, kPlain, {});
    if (question.type == DnsType::kA) {
      std::vector<std::string> texts;
      for (size_t i = 0; i < kEach; ++i) texts.push_back("10.0.0." + std::to_string(i));
      std::vector<const char*> addresses;
      for (const std::string& text : texts) addresses.push_back(text.c_str());
      return Addresses(question, addresses);
    }
    std::vector<RecordOnWire> servers;
    for (size_t i = 0; i <= kMostServiceAddresses / kEach; ++i) {
      const auto port = static_cast<uint16_t>(3000 + i);
      servers.push_back({kOwnerOfQuestion, DnsType::kSrv, 40, ServiceData(0, 5, port, "one.x")});
    }
    return AnswerOnWire(question.message, kPlain, servers);
  });
  const absl::Status status = Run(ResolveService("_app._tcp.x", Of(server))).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("more than 10000 addresses"), status.message().npos) << status;
}

}  // namespace
}  // namespace sluice::core::testing
