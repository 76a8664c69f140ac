#include "conf/schema/identity.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "conf/schema/access_scalars.h"
#include "conf/schema/list_of.h"
#include "conf/schema/scalars.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

Shape NetworkItem(core::Network& network) { return NetworkOf(network); }
Shape TrustedItem(TrustedPeer& peer) { return TrustedPeerOf(peer); }

Content ContentOf(const AccessFile& file) {
  if (!file.rules) return {};
  const size_t count = file.rules->size();
  return {.summary = Cat(count, count == 1 ? " rule" : " rules"), .digest = file.digest};
}

Shape FileItem(AccessFile& file) {
  Scalar scalar = RequiredPath(file.path);
  scalar.content = [&file] { return ContentOf(file); };
  return scalar;
}

// What a file names takes the place of what is inherited.
template <typename Item>
List ReplacedListOf(std::string_view what, std::vector<Item>& items, Shape (*shape)(Item&)) {
  List list = ListOf(what, items, shape);
  list.may_be_empty = true;
  list.clear = [&items] { items.clear(); };
  return list;
}

Shape TlvItem(ProxyTlv& tlv) {
  return OneOf(tlv, {{"unique_id", ProxyTlv::kUniqueId},
                     {"authority", ProxyTlv::kAuthority},
                     {"alpn", ProxyTlv::kAlpn},
                     {"crc32c", ProxyTlv::kCrc32c}});
}

}  // namespace

Shape Of(Access& access) {
  return Map{[&access](Visitor& v) {
    v.Optional("allow", ReplacedListOf(core::Network::kForms, access.allow, NetworkItem));
    v.Optional("deny", ReplacedListOf(core::Network::kForms, access.deny, NetworkItem));
    v.Optional("files", ReplacedListOf("the path of a file", access.files, FileItem));
  }};
}

Shape Of(ProxyProtocol& proxy_protocol) {
  return Map{[&proxy_protocol](Visitor& v) {
    v.Optional("accept", OneOf(proxy_protocol.accept, {{"off", AcceptProxy::kOff},
                                                       {"optional", AcceptProxy::kOptional},
                                                       {"required", AcceptProxy::kRequired}}));
    v.Optional("trusted", ReplacedListOf(Cat("unix or ", core::Network::kForms),
                                         proxy_protocol.trusted, TrustedItem));
    v.Optional("timeout", Time(proxy_protocol.timeout, 10ms, 1h));
    v.Optional("late", Flag(proxy_protocol.late));
  }};
}

Shape Of(SendProxy& send_proxy) {
  const auto fields = [&send_proxy](Visitor& v) {
    v.Optional("version", OneOf(send_proxy.version, {{"off", ProxyVersion::kOff},
                                                     {"v1", ProxyVersion::kV1},
                                                     {"v2", ProxyVersion::kV2}}));
    v.Optional("tlvs",
               ReplacedListOf("unique_id, authority, alpn or crc32c", send_proxy.tlvs, TlvItem));
  };
  return Map{.fields = fields, .shorthand = "version"};
}

}  // namespace sluice::conf
