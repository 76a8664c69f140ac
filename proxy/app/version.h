// What --version prints.
#ifndef SLUICE_PROXY_APP_VERSION_H_
#define SLUICE_PROXY_APP_VERSION_H_

#include <string>

namespace sluice::proxy {

// "0.1.0"
std::string Version();

// One line; with `verbose` also compiler, libraries, kernel and the backend `auto` would choose.
std::string VersionText(bool verbose);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_VERSION_H_
