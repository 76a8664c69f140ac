// The Scalars of what an HTTP check asks and takes for an answer.
//
// A file cannot make more than one line of the request: blanks and control characters are errors.
#ifndef SLUICE_CONF_SCHEMA_HTTP_SCALARS_H_
#define SLUICE_CONF_SCHEMA_HTTP_SCALARS_H_

#include <string>
#include <string_view>

#include "conf/config.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

inline constexpr std::string_view kHttpCodesForms = "1xx to 5xx, or 100 to 599";

Scalar HttpMethod(std::string& field);
Scalar HttpPath(std::string& field);         // with a query, if there is one
Scalar HttpHostOrEmpty(std::string& field);  // "": the address that is checked
Scalar HttpCodesOf(HttpCodes& field);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_HTTP_SCALARS_H_
