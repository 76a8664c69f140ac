// Privileges: what the process gives up when it has opened what it needs, as plain data.
#ifndef SLUICE_CONF_PRIVILEGES_H_
#define SLUICE_CONF_PRIVILEGES_H_

#include <string>

namespace sluice::conf {

struct Privileges {
  std::string user;        // it goes on as this one, a name or a number; "": as the one that it is
  std::string group;       // a name or a number; "": the group of the user
  bool sandbox = false;    // only the system calls that it needs
  bool core_dumps = true;  // the kernel may write its memory to a file

  bool operator==(const Privileges&) const = default;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_PRIVILEGES_H_
