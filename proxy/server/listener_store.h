// ListenerStore: the listening sockets that the service manager keeps, so that they, and clients
// that wait at them, survive a process that is killed (FDSTORE).
//
//   NOT STORED ── it listens: FDSTORE=1 ──► STORED ── it does not any more: FDSTOREREMOVE=1 ──► NOT
//                                             │ the process is killed, and another one started
//                                             ▼
//                              the manager passes it (given_sockets.h): Known, and STORED
//
// It says what is to be told and tells nothing itself. A socket has its address, as it is
// configured, as its name: in another configuration the same address finds it.
//
// Inside one task.
// Checked by: tests/proxy/server/listener_store_test.cc, tests/e2e/test_fdstore.py.
#ifndef SLUICE_PROXY_SERVER_LISTENER_STORE_H_
#define SLUICE_PROXY_SERVER_LISTENER_STORE_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/server/upgrade.h"

namespace sluice::proxy {

// The name of the socket at this address, in characters that a name may have. "": it is too long to
// be stored.
std::string StoredName(std::string_view address);
// The address of a socket that has been stored under this name. None: another one's name.
std::optional<std::string> StoredAddress(std::string_view name);

class ListenerStore {
 public:
  struct Message {
    std::string state;
    std::string name;
    int descriptor = -1;  // that goes with it
  };

  // It has this one from the process before.
  void Known(std::string name) { stored_.insert(std::move(name)); }

  // What makes it store those that listen in `handover`, and no others. From then on that is what
  // it has, but for what Lost says.
  std::vector<Message> Update(const Handover& handover);

  // This message could not be told.
  void Lost(const Message& message);

  bool empty() const { return stored_.empty(); }

 private:
  std::set<std::string> stored_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_LISTENER_STORE_H_
