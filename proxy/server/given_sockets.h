// GivenSockets: the listening sockets that the service manager passes to the process that it starts
// (LISTEN_FDS): those that it has kept of one that was killed (listener_store.h), and those that a
// unit of sockets has opened.
//
// One of either kind serves the listener that has its address; an address with port 0 is found only
// if it was stored. The file of a stored UNIX socket is the process's own; that of another one
// belongs to the manager, and stays. A stored one whose file has gone is of no use, and is left.
//
// Threads: before there is a second one.
// Checked by: tests/proxy/server/listener_store_test.cc, tests/e2e/test_fdstore.py.
#ifndef SLUICE_PROXY_SERVER_GIVEN_SOCKETS_H_
#define SLUICE_PROXY_SERVER_GIVEN_SOCKETS_H_

#include <string>
#include <vector>

#include "proxy/server/inheritance.h"

namespace sluice::proxy {

struct GivenSockets {
  std::vector<InheritedSocket> sockets = {};
  std::vector<std::string> stored = {};   // the names of what the manager stores for this program
  std::vector<std::string> remarks = {};  // sentences about what is of no use
};

// What the environment names, which does not name it any more. Nothing if it means another process.
GivenSockets TakeGivenSockets();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_GIVEN_SOCKETS_H_
