// What to write instead of a value that is not allowed, or of YAML that means something else.

#ifndef SLUICE_CONF_READER_ADVICE_H_
#define SLUICE_CONF_READER_ADVICE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/yaml.h"
#include "conf/schema/shape.h"

namespace sluice::conf {

// A sentence about `text`, which `scalar` has rejected with `why`: that, or the character that
// spoils the text, and a suggestion that the scalar takes, if there is one.
std::string AdviceForValue(std::string_view text, const absl::Status& why, const Scalar& scalar);

// What to add to "a mapping is needed, not a list", or "".
std::string AdviceForType(const Node& node, const Shape& shape);

// Why a text is not YAML, where the reason is a slip that the parser cannot know of: in the line of
// the error at `at`, or in the one before it. Adds the error and returns true if it finds one.
bool AdviseOnSyntax(std::string_view text, Position at, Errors& errors);

// If the text is the configuration of another program: adds the error that says so and returns
// true.
bool AdviseOnForeignFile(std::string_view text, Errors& errors);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_ADVICE_H_
