#include "proxy/route/client_hello.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "core/base/check.h"
#include "core/net/host_name.h"

namespace sluice::proxy {
namespace {

constexpr uint8_t kHandshake = 22;       // the type of a record
constexpr uint8_t kMajorVersion = 3;     // of all versions of TLS
constexpr uint8_t kMostMinor = 4;        // that any client has written into a record
constexpr uint32_t kMostRecord = 16384;  // bytes
constexpr uint32_t kClientHello = 1;     // the type of a message, of SSL 2, too
constexpr uint16_t kServerNameType = 0;  // the types of the two extensions
constexpr uint16_t kProtocolsType = 16;  // (RFC 6066, RFC 7301)
constexpr uint8_t kHostName = 0;         // the only type of a name there is
constexpr uint32_t kVersionAndRandom = 2 + 32;
constexpr uint32_t kMostSession = 32;
// Of the hello of SSL 2 (RFC 6101, E.2).
constexpr uint8_t kSsl2Bit = 0x80;   // in the length, which it is no part of
constexpr uint32_t kSsl2Fields = 9;  // bytes: type, version and the lengths
constexpr uint32_t kSsl2Cipher = 3;
constexpr uint32_t kSsl2Session = 16;  // or none
constexpr uint32_t kLeastChallenge = 16;
constexpr uint32_t kMostChallenge = 32;

}  // namespace

std::string ServerName(std::string_view text) {
  if (!core::IsHostName(text)) return {};
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name(text);
  absl::AsciiStrToLower(&name);
  return name;
}

bool ClientHello::Offers(std::string_view protocol) const {
  for (std::string_view rest = alpn_; !rest.empty();) {
    const size_t size = static_cast<uint8_t>(rest[0]);
    if (rest.substr(1, size) == protocol) return true;
    rest.remove_prefix(std::min(1 + size, rest.size()));
  }
  return false;
}

std::string ClientHello::OnlyAlpn() const {
  const bool is_one = !alpn_.empty() && alpn_.size() == 1u + static_cast<uint8_t>(alpn_[0]);
  return is_one ? alpn_.substr(1) : "";
}

ClientHello::State ClientHello::Feed(std::span<const std::byte> bytes) {
  while (state_ == State::kMore && !bytes.empty()) {
    if (fed_ >= kMostBytes) {
      Break();
      break;
    }
    if (record_left_ == 0) {
      ++fed_;
      Look(static_cast<uint8_t>(bytes[0]));
      bytes = bytes.subspan(1);
      continue;
    }
    const size_t size = std::min({bytes.size(), size_t{record_left_}, kMostBytes - fed_});
    fed_ += size;
    record_left_ -= static_cast<uint32_t>(size);
    ReadMessage(bytes.first(size));
    bytes = bytes.subspan(size);
  }
  return state_;
}

// A stream that is not TLS is known by its first bytes; a record behind the first has to be right.
void ClientHello::Look(uint8_t byte) {
  const size_t at = header_size_;
  header_[header_size_++] = byte;
  const bool is_first = field_ == Field::kType && message_left_ == 4;
  const State otherwise = is_first ? State::kNotTls : State::kBroken;
  if (is_first && (header_[0] & kSsl2Bit) != 0) {
    if (!FitsSsl2()) {
      state_ = otherwise;
    } else if (header_size_ == header_.size()) {
      is_ssl2_ = true;
      state_ = State::kComplete;
    }
    return;
  }
  if ((at == 0 && byte != kHandshake) || (at == 1 && byte != kMajorVersion) ||
      (at == 2 && byte > kMostMinor)) {
    state_ = otherwise;
  }
  if (at < 4) return;
  record_left_ = static_cast<uint32_t>(header_[3]) << 8 | header_[4];
  header_size_ = 0;
  if (record_left_ == 0 || record_left_ > kMostRecord) state_ = otherwise;
}

// Whether the header may still be one of SSL 2, each byte of which is looked at as it comes. What
// its lengths count follows it, in the same order, and is not waited for.
//
//   length(2) type(1) version(2) ciphers(2) session(2) challenge(2)
bool ClientHello::FitsSsl2() const {
  const auto number_at = [this](size_t at) {
    return static_cast<uint32_t>(header_[at]) << 8 | header_[at + 1];
  };
  const uint32_t length = number_at(0) & 0x7FFF;
  const uint32_t ciphers = number_at(5);
  const uint32_t session = number_at(7);
  const uint32_t challenge = number_at(9);
  switch (header_size_) {
    case 2:
      return length >= kSsl2Fields + kSsl2Cipher + kLeastChallenge;
    case 3:
      return header_[2] == kClientHello;
    case 4:
      return header_[3] == kMajorVersion;
    case 5:
      return header_[4] <= kMostMinor;
    case 7:
      return ciphers > 0 && ciphers % kSsl2Cipher == 0;
    case 9:
      return session == 0 || session == kSsl2Session;
    case 11:
      return challenge >= kLeastChallenge && challenge <= kMostChallenge &&
             kSsl2Fields + ciphers + session + challenge == length;
    default:
      return true;
  }
}

void ClientHello::ReadMessage(std::span<const std::byte> bytes) {
  while (state_ == State::kMore && !bytes.empty()) bytes = bytes.subspan(ReadField(bytes));
}

size_t ClientHello::ReadField(std::span<const std::byte> bytes) {
  const size_t size = std::min(bytes.size(), size_t{field_left_});
  const std::span<const std::byte> part = bytes.first(size);
  if (is_number_) {
    for (const std::byte byte : part) number_ = number_ << 8 | static_cast<uint8_t>(byte);
  } else if (keeps_) {
    Keep(part);
  }
  field_left_ -= static_cast<uint32_t>(size);
  message_left_ -= static_cast<uint32_t>(size);
  if (field_ >= Field::kSkipped) extension_left_ -= static_cast<uint32_t>(size);
  if (field_left_ > 0) return size;
  if (is_number_) {
    EndNumber();
  } else {
    EndBytes();
  }
  return size;
}

// A name that is too long is cut, and no name then.
void ClientHello::Keep(std::span<const std::byte> bytes) {
  std::string& kept = field_ == Field::kName ? name_ : alpn_;
  const size_t most = field_ == Field::kName ? kMostName : kMostAlpn;
  kept.append(reinterpret_cast<const char*>(bytes.data()),
              std::min(bytes.size(), most - std::min(most, kept.size())));
}

// The field has to fit into what it is a part of.
void ClientHello::Begin(Field field, uint32_t size) {
  const bool is_in_extension = field >= Field::kSkipped;
  if (size > (is_in_extension ? extension_left_ : message_left_)) return Break();
  field_ = field;
  field_left_ = size;
  number_ = 0;
  keeps_ = false;
  switch (field) {
    case Field::kVersionAndRandom:
    case Field::kSession:
    case Field::kCiphers:
    case Field::kCompressions:
    case Field::kSkipped:
    case Field::kName:
    case Field::kProtocol:
      is_number_ = false;
      break;
    default:
      is_number_ = true;
  }
}

void ClientHello::EndNumber() {
  const uint32_t number = number_;
  switch (field_) {
    case Field::kType:
      if (number != kClientHello) {
        state_ = State::kNotTls;
        return;
      }
      return Begin(Field::kLength, 3);
    case Field::kLength:
      if (number > kMostMessage) return Break();
      message_left_ = number;
      return Begin(Field::kVersionAndRandom, kVersionAndRandom);
    case Field::kSessionLength:
      if (number > kMostSession) return Break();
      return number == 0 ? Begin(Field::kCiphersLength, 2) : Begin(Field::kSession, number);
    case Field::kCiphersLength:
      if (number == 0 || number % 2 != 0) return Break();
      return Begin(Field::kCiphers, number);
    case Field::kCompressionsLength:
      if (number == 0) return Break();
      return Begin(Field::kCompressions, number);
    case Field::kExtensionsLength:
      if (number != message_left_) return Break();
      return NextExtension();
    case Field::kExtensionType:
      extension_type_ = static_cast<uint16_t>(number);
      return Begin(Field::kExtensionLength, 2);
    case Field::kExtensionLength:
      return BeginExtension(number);
    case Field::kNamesLength:
      if (number != extension_left_ || number == 0) return Break();
      return NextName();
    case Field::kNameType:
      name_type_ = static_cast<uint8_t>(number);
      return Begin(Field::kNameLength, 2);
    case Field::kNameLength:
      if (number == 0 || (name_type_ == kHostName && has_name_)) return Break();
      Begin(Field::kName, number);
      keeps_ = name_type_ == kHostName;
      has_name_ |= keeps_;
      return;
    case Field::kProtocolsLength:
      if (number != extension_left_ || number == 0) return Break();
      return NextProtocol();
    case Field::kProtocolLength:
      if (number == 0) return Break();
      Begin(Field::kProtocol, number);
      // Only as a whole: what is kept is a list, too.
      keeps_ = alpn_.size() + 1 + number <= kMostAlpn;
      if (keeps_ && state_ == State::kMore) alpn_ += static_cast<char>(number);
      return;
    default:
      SLUICE_CHECK(false);
  }
}

void ClientHello::EndBytes() {
  switch (field_) {
    case Field::kVersionAndRandom:
      return Begin(Field::kSessionLength, 1);
    case Field::kSession:
      return Begin(Field::kCiphersLength, 2);
    case Field::kCiphers:
      return Begin(Field::kCompressionsLength, 1);
    case Field::kCompressions:
      return message_left_ == 0 ? Complete() : Begin(Field::kExtensionsLength, 2);
    case Field::kSkipped:
      return NextExtension();
    case Field::kName:
      return NextName();
    case Field::kProtocol:
      return NextProtocol();
    default:
      SLUICE_CHECK(false);
  }
}

void ClientHello::NextExtension() {
  if (message_left_ == 0) return Complete();
  Begin(Field::kExtensionType, 2);
}

void ClientHello::BeginExtension(uint32_t length) {
  if (length > message_left_) return Break();
  extension_left_ = length;
  bool* const seen = extension_type_ == kServerNameType  ? &has_names_
                     : extension_type_ == kProtocolsType ? &has_alpn_
                                                         : nullptr;
  if (seen == nullptr) {
    return length == 0 ? NextExtension() : Begin(Field::kSkipped, length);
  }
  if (*seen) return Break();
  *seen = true;
  Begin(extension_type_ == kServerNameType ? Field::kNamesLength : Field::kProtocolsLength, 2);
}

void ClientHello::NextName() {
  if (extension_left_ == 0) return NextExtension();
  Begin(Field::kNameType, 1);
}

void ClientHello::NextProtocol() {
  if (extension_left_ == 0) return NextExtension();
  Begin(Field::kProtocolLength, 1);
}

void ClientHello::Complete() {
  state_ = State::kComplete;
  name_ = ServerName(name_);
}

}  // namespace sluice::proxy
