// ClientHello: reads what a TLS client says first, as it arrives: to whom it wants to speak (SNI)
// and what it speaks there (ALPN). Nothing is decrypted, and nothing is kept but these two.
//
//   record   16 03 xx length(2) ┌ handshake message ──────────────────────────────────────────────┐
//   record   16 03 xx length(2) │ 01 length(3) version random session ciphers compression         │
//   …        any number of them └──── extensions: type(2) length(2) … 0 = SNI, 16 = ALPN, others ─┘
//
//            ┌── more bytes ──┐
//            ▼                │          ┌──► COMPLETE   the message is whole
//   Feed ──► MORE ────────────┴──────────┼──► NOT TLS    its first bytes are no ClientHello's
//                                        └──► BROKEN     they are, and then it breaks a rule, or it
//                                                        is longer than kMostBytes
//
// Invariants
//   I1  Each byte is looked at once, however they come: in all it takes a time that is linear.
//   I2  Memory grows with the bytes that have come and not with what a length claims; at most
//       kMostName + kMostAlpn of them are kept.
//   I3  What it says does not depend on how the bytes are split.
//
// What counts as a name of a server: a host's name (core/net/host_name.h), in lower case, without a
// dot at its end. Anything else, such as an address or a name with a NUL byte, is none: a server
// would not take it either. Names that Encrypted Client Hello hides stay hidden; the outer one
// counts. The hello of SSL 2, which some clients send to offer TLS, is a hello without a name, and
// complete with its lengths, if they fit together. Two extensions of one kind, or two names of a
// host, are BROKEN: readers would not agree on which one counts.
//
// One thread. Checked by: tests/proxy/route/client_hello_test.cc, tests/fuzz/client_hello_fuzz.cc.
#ifndef SLUICE_PROXY_ROUTE_CLIENT_HELLO_H_
#define SLUICE_PROXY_ROUTE_CLIENT_HELLO_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::proxy {

// The text as a name of a server in the form in which names are compared, or "": it is none.
std::string ServerName(std::string_view text);

class ClientHello {
 public:
  // Of a message, and of all records that it is in.
  static constexpr size_t kMostMessage = size_t{64} << 10;
  static constexpr size_t kMostBytes = kMostMessage + (size_t{4} << 10);
  static constexpr size_t kMostName = 255;   // longer ones are none
  static constexpr size_t kMostAlpn = 1024;  // bytes of the list; what comes after is not kept

  enum class State : uint8_t { kMore, kComplete, kNotTls, kBroken };

  // Goes on with what follows the bytes before. Once it is not kMore it stays what it is.
  State Feed(std::span<const std::byte> bytes);
  State state() const { return state_; }

  // Once it is complete. The name of the server, or "".
  const std::string& sni() const { return name_; }
  // The protocols that the client offers, each with its length in a byte before it.
  const std::string& alpn() const { return alpn_; }
  bool Offers(std::string_view protocol) const;
  std::string OnlyAlpn() const;  // the one that it offers, if it is one alone
  bool is_ssl2() const { return is_ssl2_; }

 private:
  // The fields of the message, in their order.
  enum class Field : uint8_t {
    kType,
    kLength,
    kVersionAndRandom,
    kSessionLength,
    kSession,
    kCiphersLength,
    kCiphers,
    kCompressionsLength,
    kCompressions,
    kExtensionsLength,
    kExtensionType,
    kExtensionLength,
    kSkipped,  // an extension of another kind
    kNamesLength,
    kNameType,
    kNameLength,
    kName,
    kProtocolsLength,
    kProtocolLength,
    kProtocol,
  };

  void Look(uint8_t byte);  // a byte of a record's header
  bool FitsSsl2() const;
  void ReadMessage(std::span<const std::byte> bytes);
  size_t ReadField(std::span<const std::byte> bytes);  // returns how many of them it has used
  void Begin(Field field, uint32_t size);
  void EndNumber();
  void EndBytes();
  void NextExtension();
  void BeginExtension(uint32_t length);
  void NextName();
  void NextProtocol();
  void Keep(std::span<const std::byte> bytes);
  void Break() { state_ = State::kBroken; }
  void Complete();

  State state_ = State::kMore;
  bool is_ssl2_ = false;
  size_t fed_ = 0;  // bytes
  // The record's.
  std::array<uint8_t, 11> header_ = {};  // 5 bytes, but that of SSL 2
  uint8_t header_size_ = 0;
  uint32_t record_left_ = 0;
  // The message's.
  Field field_ = Field::kType;
  bool is_number_ = true;
  uint32_t field_left_ = 1;
  uint32_t number_ = 0;
  uint32_t message_left_ = 4;    // its head is a part of it
  uint32_t extension_left_ = 0;  // of the current one
  uint16_t extension_type_ = 0;
  uint8_t name_type_ = 0;
  bool has_names_ = false;
  bool has_name_ = false;
  bool has_alpn_ = false;
  bool keeps_ = false;  // the current field is kept
  std::string name_;
  std::string alpn_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ROUTE_CLIENT_HELLO_H_
