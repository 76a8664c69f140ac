#include "core/io/net_result.h"

#include <cstring>

namespace sluice::core {

std::string NetError::message() const {
  std::string text(operation);
  if (!where.is_empty()) text += " " + where.ToString();
  const char* reason = strerrordesc_np(error);
  return text + ": " + (reason != nullptr ? reason : std::to_string(error));
}

}  // namespace sluice::core
