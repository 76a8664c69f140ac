// Standard input, output and error are open from the first moment on.
#ifndef SLUICE_PROXY_APP_STANDARD_DESCRIPTORS_H_
#define SLUICE_PROXY_APP_STANDARD_DESCRIPTORS_H_

namespace sluice::proxy {

// Occupies each of the descriptors 0 to 2 that the process was started without. Otherwise the next
// file or socket would get that number, and what writes to standard error would write into it.
// Reading and writing find no peer: 0 is at its end, writing to 1 and 2 fails, so that
// it counts as lost. Other inherited descriptors stay as they are. First thing in main.
void OpenStandardDescriptors();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_STANDARD_DESCRIPTORS_H_
