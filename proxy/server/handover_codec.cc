#include "proxy/server/handover_codec.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::proxy::handover {
namespace {

constexpr std::string_view kMagic = "SLHO";
constexpr size_t kHeader = kMagic.size() + 1;
constexpr size_t kNumber = 8;
constexpr size_t kTextMost = 4096;

// Writer and Reader take the same fields: one description of each message serves both.
class Writer {
 public:
  explicit Writer(size_t type) : bytes_(kMagic) { bytes_.push_back(static_cast<char>(type)); }

  template <typename T>
  void Number(const T& value) {
    auto rest = static_cast<uint64_t>(value);
    for (size_t i = 0; i < kNumber; ++i, rest >>= 8) bytes_.push_back(static_cast<char>(rest));
  }
  void Text(const std::string& text) {
    SLUICE_CHECK(text.size() <= kTextMost);
    Number(text.size());
    bytes_.append(text);
  }
  void Time(const core::Duration& time) { Number(time.count()); }
  template <typename Each, typename T>
  void List(std::vector<T>& items, size_t most, Each each) {
    SLUICE_CHECK(items.size() <= most);
    Number(items.size());
    for (T& item : items) each(*this, item);
  }
  void Bits(const std::vector<bool>& bits) {
    SLUICE_CHECK(bits.size() <= kSocketsMost);
    Number(bits.size());
    for (size_t i = 0; i < bits.size(); i += 8) {
      unsigned byte = 0;
      for (size_t j = i; j < std::min(i + 8, bits.size()); ++j) byte |= bits[j] << (j - i);
      bytes_.push_back(static_cast<char>(byte));
    }
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// After a mistake every further field is one too.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  void Number(T& value) {
    if (rest_.size() < kNumber) return Fail();
    uint64_t bits = 0;
    for (size_t i = kNumber; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(kNumber);
    value = static_cast<T>(bits);
    if (static_cast<uint64_t>(value) != bits) Fail();  // it does not fit
  }
  void Text(std::string& text) {
    size_t size = 0;
    Number(size);
    if (size > kTextMost || size > rest_.size()) return Fail();
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    if (text.find('\0') != text.npos) Fail();
  }
  void Time(core::Duration& time) {
    int64_t count = 0;
    Number(count);
    time = core::Duration(count);
  }
  template <typename Each, typename T>
  void List(std::vector<T>& items, size_t most, Each each) {
    size_t count = 0;
    Number(count);
    if (count > most) return Fail();
    for (size_t i = 0; i < count && ok(); ++i) each(*this, items.emplace_back());
  }
  void Bits(std::vector<bool>& bits) {
    size_t count = 0;
    Number(count);
    const size_t bytes = (count + 7) / 8;
    if (count > kSocketsMost || bytes > rest_.size()) return Fail();
    const std::string_view packed = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    for (size_t i = 0; i < bytes * 8; ++i) {
      const bool bit = (static_cast<unsigned char>(packed[i / 8]) >> (i % 8) & 1) != 0;
      if (i < count) {
        bits.push_back(bit);
      } else if (bit) {
        Fail();
      }
    }
  }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

template <typename Fields>
void Visit(Fields& fields, core::SocketOptions& options) {
  fields.Number(options.receive_buffer);
  fields.Number(options.send_buffer);
  fields.Number(options.notsent_lowat);
  fields.Text(options.congestion);
  fields.Time(options.keepalive);
  fields.Time(options.keepalive_interval);
  fields.Number(options.keepalive_probes);
  fields.Time(options.user_timeout);
}

template <typename Fields>
void Visit(Fields& fields, HandoverSocket& socket) {
  fields.Text(socket.address);
  fields.Number(socket.options.backlog);
  fields.Number(socket.options.ipv6_only);
  fields.Number(socket.options.unix_mode);
  fields.Number(socket.options.unix_uid);
  fields.Number(socket.options.unix_gid);
  fields.Time(socket.options.defer_accept);
  fields.Number(socket.options.fast_open);
  Visit(fields, socket.options.connection);
  fields.Text(socket.file);
  fields.Number(socket.file_id.device);
  fields.Number(socket.file_id.inode);
}

template <typename Fields>
void Visit(Fields& fields, Hello& hello) {
  fields.Number(hello.lowest);
  fields.Number(hello.highest);
}

template <typename Fields>
void Visit(Fields& fields, Sockets& message) {
  fields.Number(message.total);
  fields.Number(message.first);
  fields.List(message.sockets, kSocketsPerPacket,
              [](Fields& each, HandoverSocket& socket) { Visit(each, socket); });
}

template <typename Fields>
void Visit(Fields& fields, Ack& ack) {
  fields.Number(ack.received);
}

template <typename Fields>
void Visit(Fields& fields, Ready& ready) {
  fields.Bits(ready.serves);
}

template <typename Fields>
void Visit(Fields&, Commit&) {}

template <typename Fields>
void Visit(Fields&, Serving&) {}

// Whether the message means something.
bool IsSound(const Sockets& message) {
  return message.total <= kSocketsMost && message.first <= message.total &&
         message.sockets.size() <= message.total - message.first;
}
template <typename Other>
bool IsSound(const Other&) {
  return true;
}

absl::Status Unsound(const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("a message of the hand-over ", why));
}

template <typename T>
absl::StatusOr<Message> DecodeAs(std::string_view fields) {
  Reader reader(fields);
  T message;
  Visit(reader, message);
  if (!reader.ok() || !reader.at_end() || !IsSound(message)) return Unsound("is damaged");
  return Message(std::move(message));
}

template <size_t... kTypes>
absl::StatusOr<Message> DecodeType(size_t type, std::string_view fields,
                                   std::index_sequence<kTypes...>) {
  absl::StatusOr<Message> message = Unsound("is of an unknown type");
  const auto decode_if = [&]<size_t kType>(std::integral_constant<size_t, kType>) {
    if (type == kType) message = DecodeAs<std::variant_alternative_t<kType, Message>>(fields);
  };
  (decode_if(std::integral_constant<size_t, kTypes>()), ...);
  return message;
}

size_t SizeOf(HandoverSocket socket) {
  Writer writer(0);
  Visit(writer, socket);
  return writer.Take().size();
}

}  // namespace

std::string Encode(const Message& message) {
  Writer writer(message.index());
  std::visit(
      [&writer](const auto& each) {
        auto copy = each;  // one description takes fields to write and to read
        Visit(writer, copy);
      },
      message);
  return writer.Take();
}

absl::StatusOr<Message> Decode(std::string_view packet) {
  if (!packet.starts_with(kMagic) || packet.size() < kHeader) {
    return Unsound("does not begin as one");
  }
  return DecodeType(static_cast<unsigned char>(packet[kMagic.size()]), packet.substr(kHeader),
                    std::make_index_sequence<std::variant_size_v<Message>>());
}

std::vector<Sockets> Split(const std::vector<HandoverSocket>& sockets) {
  constexpr size_t kOfMessage = kHeader + 3 * kNumber;
  std::vector<Sockets> messages(1);
  size_t bytes = kOfMessage;
  for (size_t i = 0; i < sockets.size(); ++i) {
    const size_t size = SizeOf(sockets[i]);
    if (messages.back().sockets.size() == kSocketsPerPacket || bytes + size > kPacketBytes) {
      messages.emplace_back().first = static_cast<uint32_t>(i);
      bytes = kOfMessage;
    }
    messages.back().sockets.push_back(sockets[i]);
    bytes += size;
  }
  for (Sockets& message : messages) message.total = static_cast<uint32_t>(sockets.size());
  return messages;
}

}  // namespace sluice::proxy::handover
