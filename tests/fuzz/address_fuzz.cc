// Addresses: what is taken means what getaddrinfo(3) says it means and survives being written;
// every IP address in the C library's spelling is taken.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/net/address.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using core::Address;

enum Mistake : size_t { kNone, kPortSwapped, kShortPath, kNotWritten };

absl::StatusOr<Address> Parse(std::string_view text, size_t mistake) {
  absl::StatusOr<Address> address = Address::Parse(text);
  if (!address.ok()) return address;
  if (mistake == kPortSwapped && address->family() == AF_INET) {
    address = address->WithPort(__builtin_bswap16(address->port()));
  }
  if (mistake == kShortPath && address->is_unix()) {
    address = Address(address->get(), address->size() - 1);
  }
  return address;
}

// The C library's reading of "host:port" or "[host]:port".
void CheckIp(const Address& address, const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  Expect(getaddrinfo(host.c_str(), text.substr(colon + 1).c_str(), &hints, &found) == 0,
         "taken, but not by getaddrinfo", text);
  Expect(found->ai_addrlen == address.size(), "length of an address", text);
  Expect(std::memcmp(found->ai_addr, address.get(), address.size()) == 0, "bytes of an address",
         text);
  freeaddrinfo(found);
}

void CheckUnix(const Address& address, const std::string& text) {
  const std::string name = text.substr(std::strlen("unix:"));
  const auto* local = reinterpret_cast<const sockaddr_un*>(address.get());
  const size_t counted = name[0] == '@' ? name.size() : name.size() + 1;  // the NUL of a path
  Expect(address.size() == offsetof(sockaddr_un, sun_path) + counted, "length of a path", text);
  Expect(address.size() <= sizeof(sockaddr_un), "length of a long path", text);
  Expect(std::equal(name.begin() + 1, name.end(), local->sun_path + 1), "bytes of a path", text);
}

// The address that the first bytes of the input are.
void CheckSpelling(std::string_view bytes, size_t mistake) {
  in6_addr host = {};
  if (bytes.size() < sizeof(host) + 2) return;
  std::memcpy(&host, bytes.data(), sizeof(host));
  const auto port = static_cast<unsigned>(static_cast<unsigned char>(bytes[16])) << 8 |
                    static_cast<unsigned char>(bytes[17]);
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET, &host, text, sizeof(text));
  const std::string ipv4 = std::string(text) + ":" + std::to_string(port);
  inet_ntop(AF_INET6, &host, text, sizeof(text));
  const std::string ipv6 = "[" + std::string(text) + "]:" + std::to_string(port);
  for (const std::string& each : {ipv4, ipv6}) {
    const absl::StatusOr<Address> address = Parse(each, mistake);
    Expect(address.ok() && address->port() == port, "the C library's spelling", each);
  }
}

void Check(std::string_view input, size_t mistake) {
  CheckSpelling(input, mistake);
  const absl::StatusOr<Address> address = Parse(input, mistake);
  if (!address.ok()) {
    Expect(address.status().message().find('"') == 0, "a message", input);
    return;
  }
  const std::string text(input);
  address->is_ip() ? CheckIp(*address, text) : CheckUnix(*address, text);
  std::string written = address->ToString();
  if (mistake == kNotWritten) written.pop_back();
  const absl::StatusOr<Address> again = Address::Parse(written);
  Expect(again.ok() && *again == *address, "written and read", text);
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "address",
      .run = Check,
      .mistakes = {"the bytes of the port swapped", "a path one byte short",
                   "the last character not written"},
      .words = {"unix:",
                "unix:/",
                "unix:@",
                "/",
                "@",
                "[",
                "]",
                ":",
                "::",
                "[::]:",
                "127.0.0.1:",
                "::ffff:",
                "%lo",
                ".",
                "0",
                "255",
                "256",
                "65535",
                "65536",
                "ffff",
                "localhost",
                std::string("\0", 1),
                std::string(60, 'a'),
                "\n",
                " "},
      .random_inputs = 20000,
      .max_size = 256};
  return target;
}

}  // namespace sluice::fuzz
