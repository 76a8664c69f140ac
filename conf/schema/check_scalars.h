// The Scalars of the bytes that a check or an agent is sent, and that a check expects.
#ifndef SLUICE_CONF_SCHEMA_CHECK_SCALARS_H_
#define SLUICE_CONF_SCHEMA_CHECK_SCALARS_H_

#include <cstddef>
#include <string>

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

inline constexpr size_t kMostCheckBytes = 1024;

// A text, or a map with the text or with hexadecimal digits.
Map BytesOf(CheckBytes& field, bool is_secret);

Scalar CheckTextOrEmpty(std::string& field);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_CHECK_SCALARS_H_
