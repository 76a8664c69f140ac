// Where the program of this process is found again, for a new version of it that takes its place.
#ifndef SLUICE_PROXY_APP_PROGRAM_H_
#define SLUICE_PROXY_APP_PROGRAM_H_

#include <string>

namespace sluice::proxy {

// The absolute path by which this process was started: `name`, its first argument, relative to the
// working directory or found in PATH, with symbolic links as they are, because an installation may
// turn one to another version. When that leads to another file than the one that runs, the path of
// that. At the start, before anything can have been replaced. "": it cannot be found out.
std::string ProgramPath(const std::string& name);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_PROGRAM_H_
