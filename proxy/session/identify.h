// IdentifySettings: how the sessions of a listener learn who their clients are, when a balancer in
// front says so in a PROXY header (`proxy_protocol`); a listener without the key has none.
//
// Whether the balancer itself may connect is asked only of its word: where it is trusted, the
// access lists and per_source decide on the address in its header, in the session. Of a header
// without one (LOCAL, UNKNOWN), and where it is optional and there is none, the access lists decide
// on the balancer's own address, and per_source counts nothing. Who is not trusted is a client like
// any other: an accept loop has decided about it.
#ifndef SLUICE_PROXY_SESSION_IDENTIFY_H_
#define SLUICE_PROXY_SESSION_IDENTIFY_H_

#include <string>

#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "proxy/admission/admission.h"
#include "proxy/identity/access_list.h"
#include "proxy/identity/proxy_header_in.h"
#include "proxy/session/rejected.h"
#include "proxy/session/routing.h"

namespace sluice::proxy {

struct IdentifySettings {
  bool is_required;
  bool is_late;            // the header comes with the first bytes, after the connect
  core::Duration timeout;  // of the header's end, from accept; with is_late, from its first byte
  TrustedPeers trusted;
  AccessLists access;
  core::IntrusivePtr<Admission> admission;
  core::IntrusivePtr<RejectionThrottles> throttles;
  core::IntrusivePtr<const CurrentContext> current;  // by which it goes on
};

// What a session knows of its client besides the socket. Only sessions that need it have one.
struct ClientIdentity {
  ReceivedProxyHeader header;
  bool has_header = false;
  core::Address peer;  // the socket's address: the balancer's
  std::string held;    // the stream's first bytes, which are no header; until the relay begins

  bool has_address() const { return header.says == ProxyHeaderSays::kAddresses; }
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_IDENTIFY_H_
