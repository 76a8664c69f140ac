#include "conf/key_rows.h"

#include <string_view>
#include <utility>
#include <variant>

#include "conf/config.h"
#include "conf/descriptions.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

class RowWriter : public Visitor {
 public:
  RowWriter(std::string prefix, const Descriptions& descriptions, std::vector<KeyRow>& rows)
      : prefix_(std::move(prefix)), descriptions_(descriptions), rows_(rows) {}

  void Field(std::string_view key, const Shape& shape, Presence presence) override {
    const std::string path = Cat(prefix_, key);
    rows_.push_back({.path = path,
                     .text = descriptions_.Of(path),
                     .allowed = AllowedFor(shape),
                     .default_text = DefaultOf(shape),
                     .is_required = presence == Presence::kRequired,
                     .is_section = !std::holds_alternative<Scalar>(shape),
                     .inherits = descriptions_.IsInherited(path)});
    Enter(path, shape);
  }

 private:
  static std::string DefaultOf(const Shape& shape) {
    const auto* scalar = std::get_if<Scalar>(&shape);
    if (scalar == nullptr) return "";
    const std::string text = scalar->format();
    return !text.empty() || scalar->clear ? text : "\"\"";
  }

  void Enter(const std::string& path, const Shape& shape) {
    if (const auto* map = std::get_if<Map>(&shape)) {
      RowWriter inner(path + ".", descriptions_, rows_);
      map->fields(inner);
    } else if (const auto* list = std::get_if<List>(&shape)) {
      list->add();
      Enter(path + "[]", list->item(list->size() - 1));
    }
  }

  const std::string prefix_;
  const Descriptions& descriptions_;
  std::vector<KeyRow>& rows_;
};

}  // namespace

std::vector<KeyRow> KeyRows() {
  const Descriptions descriptions;
  Config scratch;
  std::vector<KeyRow> rows = {{.path = "include",
                               .text = descriptions.Of("include"),
                               .allowed = "one path or a list",
                               .is_section = true}};
  RowWriter writer("", descriptions, rows);
  Describe(scratch).fields(writer);
  return rows;
}

}  // namespace sluice::conf
