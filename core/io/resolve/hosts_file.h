// FindInHosts: the addresses of a name in the text of /etc/hosts.
//
//     127.0.0.1  localhost
//     10.0.0.5   db.internal db      # a comment
//
// Checked by: tests/core/io/resolve/hosts_file_test.cc.
#ifndef SLUICE_CORE_IO_RESOLVE_HOSTS_FILE_H_
#define SLUICE_CORE_IO_RESOLVE_HOSTS_FILE_H_

#include <string_view>
#include <vector>

#include "core/net/address.h"

namespace sluice::core {

// With port 0, in the order of the file. A line that cannot be read is none. The name is found in
// any case, with or without a dot at its end.
std::vector<Address> FindInHosts(std::string_view text, std::string_view name);

// 127.0.0.1 and ::1 for "localhost" and what is below it (RFC 6761); else none.
std::vector<Address> AddressesOfLocalhost(std::string_view name);

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESOLVE_HOSTS_FILE_H_
