// What a note says of a line of another proxy's that is not in the result: where its counterpart is
// to be looked for, if it has one.
#ifndef SLUICE_CONF_NOT_CONVERTED_H_
#define SLUICE_CONF_NOT_CONVERTED_H_

#include <string>
#include <vector>

namespace sluice::conf {

// "not converted: nbthread 4 (see runtime.workers)"; "no counterpart: …" where there is none.
std::string NotConverted(const std::vector<std::string>& words);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_NOT_CONVERTED_H_
