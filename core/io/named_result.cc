#include "core/io/named_result.h"

#include <cstring>

namespace sluice::core {

std::string NamedError::message() const {
  std::string text(operation);
  if (!name.empty()) text += " " + name;
  const char* reason = strerrordesc_np(error);
  return text + ": " + (reason != nullptr ? reason : std::to_string(error));
}

}  // namespace sluice::core
