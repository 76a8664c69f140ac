#include "proxy/server/listener_store.h"

#include <cstddef>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kPrefix = "listen-";
constexpr size_t kLongestName = 255;  // systemd's

// systemd takes printable ASCII but ':'; '%' begins what stands for another character.
bool IsPlain(char c) { return c > ' ' && c < '\x7f' && c != ':' && c != '%'; }

}  // namespace

std::string StoredName(std::string_view address) {
  std::string name(kPrefix);
  for (const char c : address) {
    if (IsPlain(c)) {
      name += c;
    } else {
      absl::StrAppend(&name, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return name.size() <= kLongestName ? name : "";
}

std::optional<std::string> StoredAddress(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  std::string address;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      address += name[i];
      continue;
    }
    const std::string_view digits = name.substr(i + 1, 2);
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (digits.size() != 2 || !is_hex(digits[0]) || !is_hex(digits[1])) return std::nullopt;
    address += absl::HexStringToBytes(std::string(digits));
    i += digits.size();
  }
  return address;
}

std::vector<ListenerStore::Message> ListenerStore::Update(const Handover& handover) {
  std::vector<Message> messages;
  std::set<std::string> wanted;
  for (size_t i = 0; i < handover.sockets.size(); ++i) {
    std::string name = StoredName(handover.sockets[i].address);
    if (handover.descriptors[i] < 0 || name.empty() || !wanted.insert(name).second) continue;
    if (stored_.contains(name)) continue;
    messages.push_back({.state = absl::StrCat("FDSTORE=1\nFDNAME=", name),
                        .name = name,
                        .descriptor = handover.descriptors[i]});
  }
  for (const std::string& name : stored_) {
    if (wanted.contains(name)) continue;
    messages.push_back({.state = absl::StrCat("FDSTOREREMOVE=1\nFDNAME=", name), .name = name});
  }
  stored_ = std::move(wanted);
  return messages;
}

void ListenerStore::Lost(const Message& message) {
  if (message.descriptor >= 0) {
    stored_.erase(message.name);
  } else {
    stored_.insert(message.name);
  }
}

}  // namespace sluice::proxy
