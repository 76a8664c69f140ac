// The hello of a TLS client: what the incremental reader says, however the bytes are split, is what
// a second reading says that has all bytes before it looks at any. The first byte of an input says
// how they are split.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/net/host_name.h"
#include "proxy/route/client_hello.h"
#include "tests/fuzz/target.h"
#include "tests/proxy/route/hello_maker.h"

namespace sluice::fuzz {
namespace {

using proxy::ClientHello;
using State = ClientHello::State;

enum Mistake : size_t { kNone, kLosesTheLast, kTakesAnyName, kIgnoresRecords, kTakesTheSecond };

// Reading beyond the end: there may be more to come.
struct Short {};
struct Wrong {};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::string_view Take(size_t size) {
    if (size > bytes_.size()) throw Short();
    const std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  size_t Number(size_t size) {
    size_t number = 0;
    for (const char c : Take(size)) number = number << 8 | static_cast<uint8_t>(c);
    return number;
  }
  // What is counted by a number of so many bytes; all of it has to be there.
  Reader Counted(size_t size) { return Reader(Take(Number(size))); }
  std::string_view rest() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

struct Said {
  State state = State::kMore;
  std::string sni;
  std::string alpn;
};

// `body`: of a whole message. Anything that is cut short in it is wrong.
void ReadBody(Reader body, Said& said, size_t mistake) {
  body.Take(34);
  const size_t session = body.Number(1);
  if (session > 32) throw Wrong();
  body.Take(session);
  const size_t ciphers = body.Number(2);
  if (ciphers == 0 || ciphers % 2 != 0) throw Wrong();
  body.Take(ciphers);
  if (body.Counted(1).empty()) throw Wrong();
  if (body.empty()) return;
  Reader extensions = body.Counted(2);
  if (!body.empty()) throw Wrong();
  bool has_names = false;
  bool has_alpn = false;
  while (!extensions.empty()) {
    const size_t type = extensions.Number(2);
    Reader extension = extensions.Counted(2);
    if (type != 0 && type != 16) continue;
    bool& seen = type == 0 ? has_names : has_alpn;
    if (seen && mistake != kTakesTheSecond) throw Wrong();
    seen = true;
    Reader list = extension.Counted(2);
    if (!extension.empty() || list.empty()) throw Wrong();
    bool has_name = false;
    while (!list.empty()) {
      if (type == 16) {
        const std::string_view protocol = list.Counted(1).rest();
        if (protocol.empty()) throw Wrong();
        if (said.alpn.size() + 1 + protocol.size() > ClientHello::kMostAlpn) continue;
        said.alpn += proxy::Counted(protocol, 1);
        continue;
      }
      const bool is_host = list.Number(1) == 0;
      const std::string_view name = list.Counted(2).rest();
      if (name.empty() || (is_host && has_name)) throw Wrong();
      has_name |= is_host;
      if (!is_host) continue;
      said.sni = name;
    }
  }
  if (!core::IsHostName(said.sni) && mistake != kTakesAnyName) said.sni.clear();
  if (said.sni.ends_with('.')) said.sni.pop_back();
  std::ranges::transform(said.sni, said.sni.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

// Whether the reader may know by now that the message is wrong is not told apart from kMore.
Said Reference(std::string_view bytes, size_t mistake) {
  Said said;
  bytes = bytes.substr(0, ClientHello::kMostBytes);
  std::string message;
  Reader reader(bytes);
  try {
    if (!bytes.empty() && static_cast<uint8_t>(bytes[0]) >= 0x80) {
      const size_t length = reader.Number(2) - 0x8000;
      if (reader.Number(1) != 1 || reader.Number(1) != 3 || reader.Number(1) > 4) throw Wrong();
      const size_t ciphers = reader.Number(2);
      const size_t session = reader.Number(2);
      const size_t challenge = reader.Number(2);
      const bool fits = ciphers > 0 && ciphers % 3 == 0 && (session == 0 || session == 16) &&
                        challenge >= 16 && challenge <= 32 &&
                        length == 9 + ciphers + session + challenge;
      if (!fits) throw Wrong();
      said.state = State::kComplete;
      return said;
    }
    for (;;) {
      if (reader.Number(1) != 22 || reader.Number(1) != 3 || reader.Number(1) > 4) throw Wrong();
      const size_t size = reader.Number(2);
      if (size == 0 || size > 16384) throw Wrong();
      const std::string_view part = reader.rest().substr(0, size);
      message += part;
      if (!message.empty() && message[0] != 1) throw Wrong();
      if (message.size() >= 4) {
        const size_t length = Reader(std::string_view(message).substr(1)).Number(3);
        if (length > ClientHello::kMostMessage) throw Wrong();
        if (message.size() >= 4 + length) {
          try {
            ReadBody(Reader(std::string_view(message).substr(4, length)), said, mistake);
          } catch (Short) {
            throw Wrong();
          }
          said.state = State::kComplete;
          return said;
        }
      }
      if (part.size() < size) throw Short();
      if (mistake == kIgnoresRecords) throw Wrong();
      reader.Take(size);
    }
  } catch (Short) {
    return {};
  } catch (Wrong) {
    return {.state = State::kBroken, .sni = {}, .alpn = {}};
  }
}

ClientHello Read(std::string_view bytes, size_t piece) {
  ClientHello hello;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    hello.Feed(proxy::BytesOf(bytes.substr(0, piece)));
  }
  return hello;
}

void Check(std::string_view input, size_t mistake) {
  if (input.empty()) return;
  const auto piece = static_cast<size_t>(static_cast<uint8_t>(input[0]) % 64 + 1);
  // The corpus has hellos as they are; theirs is the piece of 22 and 23 bytes.
  std::string bytes(input[0] == '\x16' ? input : input.substr(1));
  const Said expected = Reference(bytes, mistake);
  if (mistake == kLosesTheLast && bytes.size() > 1) bytes.pop_back();
  const ClientHello whole = Read(bytes, bytes.size() + 1);
  const ClientHello split = Read(bytes, piece);
  Expect(split.state() == whole.state(), "the same state in pieces");
  if (expected.state == State::kComplete) {
    Expect(whole.state() == State::kComplete, "a whole hello is complete");
    Expect(whole.sni() == expected.sni, "the name", whole.sni());
    Expect(whole.alpn() == expected.alpn, "what is offered", whole.alpn());
    Expect(split.sni() == whole.sni() && split.alpn() == whole.alpn(), "the same in pieces");
  } else {
    Expect(whole.state() != State::kComplete, "what is no hello is not complete");
    // It may know of what is wrong before the end of the message, but it has to know it there.
    const bool is_wrong = whole.state() != State::kMore;
    Expect(is_wrong || expected.state == State::kMore, "what is wrong is known");
  }
  Expect(whole.alpn().size() <= ClientHello::kMostAlpn, "what is kept is bounded");
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "client_hello",
      .run = Check,
      .mistakes = {"the last byte is lost", "any name is taken", "one record only",
                   "a second extension is taken"},
      .words = {Bytes({0x16, 3, 1}), Bytes({0x16, 3, 1, 0, 5}), Bytes({0, 0}), Bytes({0, 16}),
                Bytes({0, 1}), Bytes({0}), Bytes({1}), Bytes({2}), Bytes({0xFF}), Bytes({0x80}),
                Bytes({0x80, 0x2E, 1, 3, 1}), Bytes({0, 21, 0, 0, 0, 16}), "a.b", "192.0.2.1",
                Bytes({0, 0, 0, 8, 0, 6, 0, 0, 3, 'a', '.', 'b'}),
                Bytes({0, 16, 0, 5, 0, 3, 2, 'h', '2'}), Bytes({0x0A, 0x0A, 0, 0})},
      .random_inputs = 20000,
      .max_size = 1200};
  return target;
}

}  // namespace sluice::fuzz
