// Planted: whether this mistake is in force. Asked by the copies of code that mistakes.py is for.
#ifndef SLUICE_TESTS_MODEL_PLANTED_H_
#define SLUICE_TESTS_MODEL_PLANTED_H_

#include <string_view>

namespace sluice::model {

inline std::string_view planted;

inline bool Planted(std::string_view mistake) { return planted == mistake; }

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_PLANTED_H_
