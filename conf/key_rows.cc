#include "conf/key_rows.h"

#include <variant>

#include "conf/descriptions.h"
#include "conf/schema/keys.h"
#include "conf/schema/shape.h"

namespace sluice::conf {
namespace {

std::string DefaultOf(const Shape& shape) {
  const auto* scalar = std::get_if<Scalar>(&shape);
  if (scalar == nullptr) return "";
  const std::string text = scalar->format();
  return !text.empty() || scalar->clear ? text : "\"\"";
}

}  // namespace

std::vector<KeyRow> KeyRows() {
  const Descriptions descriptions;
  std::vector<KeyRow> rows = {{.path = "include",
                               .text = descriptions.Of("include"),
                               .allowed = "one path or a list",
                               .is_section = true}};
  ForEachKey([&](const std::string& path, const Shape& shape, Presence presence) {
    rows.push_back({.path = path,
                    .text = descriptions.Of(path),
                    .allowed = AllowedFor(shape),
                    .default_text = DefaultOf(shape),
                    .is_required = presence == Presence::kRequired,
                    .is_section = !std::holds_alternative<Scalar>(shape),
                    .inherits = descriptions.IsInherited(path)});
  });
  return rows;
}

}  // namespace sluice::conf
