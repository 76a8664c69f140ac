#include "proxy/route/client_hello.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/proxy/route/hello_maker.h"

namespace sluice::proxy {
namespace {

using State = ClientHello::State;
using std::string_literals::operator""s;

// What it says is the same whole, byte by byte, and in pieces of every other size.
ClientHello Read(std::string_view bytes) {
  ClientHello whole;
  whole.Feed(BytesOf(bytes));
  for (const size_t size :
       {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{100}, size_t{1460}}) {
    ClientHello split;
    for (size_t at = 0; at < bytes.size(); at += size) split.Feed(BytesOf(bytes.substr(at, size)));
    EXPECT_EQ(split.state(), whole.state()) << size;
    EXPECT_EQ(split.sni(), whole.sni()) << size;
    EXPECT_EQ(split.alpn(), whole.alpn()) << size;
  }
  return whole;
}

std::string NameIn(std::string_view bytes) {
  const ClientHello hello = Read(bytes);
  EXPECT_EQ(hello.state(), State::kComplete);
  return hello.sni();
}

State StateOf(std::string_view bytes) { return Read(bytes).state(); }

// An extension that nobody has asked for, of so many bytes.
Extension Grease(size_t size) { return {0x0A0A, std::string(size, 'g')}; }

TEST(ClientHello, SaysTheNameAndTheProtocols) {
  const ClientHello hello = Read(MakeHello("www.example.org", {"h2", "http/1.1"}));
  EXPECT_EQ(hello.state(), State::kComplete);
  EXPECT_EQ(hello.sni(), "www.example.org");
  EXPECT_TRUE(hello.Offers("h2"));
  EXPECT_TRUE(hello.Offers("http/1.1"));
  EXPECT_FALSE(hello.Offers("http/1"));
  EXPECT_FALSE(hello.Offers("h"));
  EXPECT_FALSE(hello.Offers(""));
}

TEST(ClientHello, ANameIsComparedInLowerCaseWithoutItsLastDot) {
  EXPECT_EQ(NameIn(MakeHello("WWW.Example.ORG")), "www.example.org");
  EXPECT_EQ(NameIn(MakeHello("example.org.")), "example.org");
  EXPECT_EQ(NameIn(MakeHello("xn--bcher-kva.example")), "xn--bcher-kva.example");
  EXPECT_EQ(NameIn(MakeHello("my_host.example")), "my_host.example");
}

TEST(ClientHello, WhatIsNoNameIsNone) {
  for (const std::string& name :
       {"192.0.2.1"s, "2001:db8::1"s, "[2001:db8::1]"s, "a..b"s, "."s, ".example.org"s, "a b"s,
        "example.org\0.evil.org"s, "\0"s, "example.org:443"s, "*.example.org"s, "b\xC3\xBC"s,
        std::string(64, 'a') + ".org", std::string(260, 'a'), "example.org.."s}) {
    EXPECT_EQ(NameIn(MakeHello(name)), "") << name;
  }
  EXPECT_EQ(NameIn(MakeHello("")), "");
  EXPECT_EQ(NameIn(InRecords(MakeMessage({}, /*has_extensions=*/false))), "");
}

TEST(ClientHello, TheLongestNameIsOne) {
  std::string name;
  while (name.size() < 250) name += std::string(62, 'a') + ".";
  name += 'a';  // 253 bytes
  EXPECT_EQ(name.size(), 253U);
  EXPECT_EQ(NameIn(MakeHello(name)), name);
  EXPECT_EQ(NameIn(MakeHello(name + ".")), name);
  EXPECT_EQ(NameIn(MakeHello(name + "a")), "");
  EXPECT_EQ(NameIn(MakeHello(name + "a.")), "");
  EXPECT_EQ(NameIn(MakeHello(name + "a.b.c")), "");
}

TEST(ClientHello, MayBeLong) {
  EXPECT_EQ(NameIn(MakeHello("pq.example", {}, {{51, std::string(1220, 'k')}})), "pq.example");
  EXPECT_EQ(NameIn(MakeHello("a.example", {}, {Grease(16000)})), "a.example");
  // The name is the last of it.
  const std::string longest = MakeHello("z.example", {}, {Grease(65000)});
  EXPECT_GT(longest.size(), 65000U);
  EXPECT_EQ(NameIn(longest), "z.example");
}

TEST(ClientHello, MayBeInManyRecords) {
  const std::string message = MakeMessage({Grease(1500), NameExtension("many.example")});
  for (const size_t most : {size_t{1}, size_t{2}, size_t{5}, size_t{512}}) {
    if (InRecords(message, most).size() > ClientHello::kMostBytes) continue;
    EXPECT_EQ(NameIn(InRecords(message, most)), "many.example") << most;
  }
  EXPECT_EQ(NameIn(InRecords(MakeMessage({Grease(60000), NameExtension("x.example")}), 512)),
            "x.example");
}

TEST(ClientHello, BytesBehindItAreNotItsOwn) {
  EXPECT_EQ(NameIn(MakeHello("a.example") + "anything"), "a.example");
  const std::string message = MakeMessage({NameExtension("a.example")});
  EXPECT_EQ(NameIn(InRecords(message + "more of the record")), "a.example");
}

TEST(ClientHello, OneOfSsl2HasNoName) {
  constexpr size_t kHead = 11;
  for (const std::string& hello : {MakeSsl2Hello(), MakeSsl2Hello(1), MakeSsl2Hello(43, 16, 32),
                                   MakeSsl2Hello(10000, 0, 20), MakeSsl2Hello() + "more"}) {
    EXPECT_EQ(NameIn(hello), "");
    EXPECT_TRUE(Read(hello).is_ssl2());
    for (size_t size = 0; size < kHead; ++size) {
      EXPECT_EQ(StateOf(hello.substr(0, size)), State::kMore) << size;
      EXPECT_FALSE(Read(hello.substr(0, size)).is_ssl2()) << size;
    }
    EXPECT_EQ(StateOf(hello.substr(0, kHead)), State::kComplete);
  }
}

// Five bytes that look right are no hello: the lengths have to fit together. Each is known to be
// wrong with its own last byte.
TEST(ClientHello, OneOfSsl2HasLengthsThatFit) {
  const std::string begin = Number(0x802E, 2) + Number(1, 1) + Number(0x0301, 2);
  for (const std::string& bytes :
       {Number(0x8000, 2), Number(0x801B, 2), Number(0x802E, 2) + Number(4, 1),
        Number(0x802E, 2) + Number(1, 1) + Number(2, 1),
        Number(0x802E, 2) + Number(1, 1) + Number(0x0305, 2), begin + Number(0, 2),
        begin + Number(20, 2), begin + Number(21, 2) + Number(1, 2),
        begin + Number(21, 2) + Number(32, 2), begin + Number(21, 2) + Number(0, 2) + Number(15, 2),
        begin + Number(21, 2) + Number(0, 2) + Number(33, 2),
        begin + Number(21, 2) + Number(0, 2) + Number(17, 2),
        begin + Number(21, 2) + Number(16, 2) + Number(16, 2),
        begin + Number(24, 2) + Number(0, 2) + Number(16, 2)}) {
    EXPECT_EQ(StateOf(bytes), State::kNotTls) << bytes.size();
    EXPECT_EQ(StateOf(bytes.substr(0, bytes.size() - 1)), State::kMore) << bytes.size();
    EXPECT_FALSE(Read(bytes).is_ssl2());
  }
}

TEST(ClientHello, EveryPrefixNeedsMore) {
  const std::string hello = MakeHello("www.example.org", {"h2"}, {Grease(0), Grease(10)});
  for (size_t size = 0; size < hello.size(); ++size) {
    ClientHello cut;
    EXPECT_EQ(cut.Feed(BytesOf(hello).first(size)), State::kMore) << size;
  }
}

TEST(ClientHello, OtherBytesAreNotTls) {
  for (const std::string& bytes :
       {"GET / HTTP/1.1\r\n"s, "SSH-2.0-x\r\n"s, "\0\0\0\x08\x04\xD2\x16\x2F"s,
        "\x15\x03\x01\0\x02\x02\x28"s, "\x16\x02\x01"s, "\x16\x03\x05"s, "\x16\x03\x01\0\0"s,
        "\x16\x03\x01\x40\x01"s, "\x16\x03\x01\0\x04\x02"s}) {
    EXPECT_EQ(StateOf(bytes), State::kNotTls) << bytes;
  }
}

TEST(ClientHello, LengthsThatLieAreBroken) {
  const auto broken = [](std::vector<Extension> extensions) {
    EXPECT_EQ(StateOf(InRecords(MakeMessage(extensions))), State::kBroken);
  };
  broken({{0, ""}});                                             // no list
  broken({{0, Number(0, 2)}});                                   // an empty one
  broken({{0, Number(9, 2) + Number(0, 1) + Counted("a", 2)}});  // longer than it is
  broken({{0, Counted(Number(0, 1) + Counted("", 2), 2)}});      // an empty name
  broken({{0, Counted(Number(0, 1) + Number(9, 2) + "a", 2)}});  // a name longer than the list
  broken({{0, Counted(Number(0, 1) + Counted("a", 2) + Number(0, 1) + Counted("b", 2), 2)}});
  broken({NameExtension("a"), NameExtension("b")});
  broken({AlpnExtension({"a"}), AlpnExtension({"b"})});
  broken({{16, ""}});
  broken({{16, Number(0, 2)}});
  broken({{16, Counted(Number(0, 1), 2)}});         // an empty protocol
  broken({{16, Counted(Number(5, 1) + "h2", 2)}});  // one longer than the list
  std::string message = MakeMessage({NameExtension("a")});
  message[4 + 2 + 32] = 33;  // of the session
  EXPECT_EQ(StateOf(InRecords(message)), State::kBroken);
  message = MakeMessage({NameExtension("a")});
  message[3] = static_cast<char>(message[3] - 1);  // of the message
  EXPECT_EQ(StateOf(InRecords(message)), State::kBroken);
}

TEST(ClientHello, OtherNamesInTheListAreSkipped) {
  const std::string list = Number(7, 1) + Counted("other", 2) + Number(0, 1) + Counted("a.b", 2);
  EXPECT_EQ(NameIn(InRecords(MakeMessage({{0, Counted(list, 2)}}))), "a.b");
}

TEST(ClientHello, ARecordOfAnotherKindInBetweenIsBroken) {
  const std::string hello = InRecords(MakeMessage({NameExtension("a.b")}), 40);
  std::string other = hello;
  other[45] = 21;  // the type of the second record
  EXPECT_EQ(StateOf(hello), State::kComplete);
  EXPECT_EQ(StateOf(other), State::kBroken);
}

// A length alone decides that it is too long: nothing is waited for, and nothing kept.
TEST(ClientHello, OneThatIsTooLongIsBrokenAtOnce) {
  EXPECT_EQ(StateOf(Number(0x1603010200, 5) + Number(1, 1) + Number(0x10001, 3)), State::kBroken);
  EXPECT_EQ(StateOf(Number(0x1603010200, 5) + Number(1, 1) + Number(0x10000, 3)), State::kMore);
  // In records of one byte each 64 KiB would be 384 KiB.
  const std::string crumbs = InRecords(MakeMessage({Grease(60000)}), 1);
  ClientHello hello;
  EXPECT_EQ(hello.Feed(BytesOf(crumbs).first(ClientHello::kMostBytes)), State::kMore);
  EXPECT_EQ(hello.Feed(BytesOf(crumbs).subspan(ClientHello::kMostBytes, 1)), State::kBroken);
}

TEST(ClientHello, OfALongListOfProtocolsTheFirstAreKept) {
  std::vector<std::string> protocols;
  for (int i = 0; i < 1000; ++i) protocols.push_back("protocol-" + std::to_string(i));
  const ClientHello hello = Read(MakeHello("", protocols));
  EXPECT_EQ(hello.state(), State::kComplete);
  EXPECT_LE(hello.alpn().size(), ClientHello::kMostAlpn);
  EXPECT_TRUE(hello.Offers("protocol-7"));
  EXPECT_FALSE(hello.Offers("protocol-999"));
}

// What real clients have sent, as tests/proxy/route/record_hellos.py has recorded it.
struct Recorded {
  std::string file;
  std::string name;
  std::vector<std::string> alpn;
};

TEST(ClientHello, OfRealClients) {
  for (const Recorded& each : {Recorded{"openssl_tls13", "www.example.org", {}},
                               {"openssl_tls12", "www.example.org", {}},
                               {"openssl_alpn", "mail.example.org", {"h2", "http/1.1"}},
                               {"openssl_no_name", "", {}},
                               {"openssl_ticket", "www.example.org", {}},
                               {"curl", "curl.example.org", {"h2", "http/1.1"}},
                               {"curl_http1", "curl.example.org", {"http/1.1"}},
                               {"curl_tls12", "curl.example.org", {"h2", "http/1.1"}},
                               {"python", "python.example.org", {}}}) {
    std::ifstream file("tests/fuzz/corpus/client_hello/" + each.file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    ASSERT_FALSE(bytes.empty()) << each.file;
    const ClientHello hello = Read(bytes);
    EXPECT_EQ(hello.state(), State::kComplete) << each.file;
    EXPECT_EQ(hello.sni(), each.name) << each.file;
    std::string list;
    for (const std::string& protocol : each.alpn) list += Counted(protocol, 1);
    EXPECT_EQ(hello.alpn(), list) << each.file;
  }
}

}  // namespace
}  // namespace sluice::proxy
